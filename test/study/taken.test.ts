import { describe, expect, it } from 'vitest'
import type { Audit } from '../../src/results/audit-record.ts'
import { takenFrom } from '../../src/study/taken.ts'

const killed = { killed: 'postgres', upTo: 'the start', keptUntilMs: 0, lostUntilMs: 9_000 }
const restore = { upTo: 'the end of the archive', keptUntilMs: 2_000, lostUntilMs: 9_000 }

/** Of 1,000 acknowledged events so many are lost, and of these some that nothing excuses. */
function audit(
  lostEvents: number,
  restored: { restores: (typeof killed | typeof restore)[]; beyondEvents: number } | undefined,
): Audit {
  const store = { store: 'postgres.events', acceptedEvents: 1_000, lostEvents, restored }
  return { stores: [store] } as unknown as Audit
}
const seen = (seenEvents: number) => [{ store: 'postgres.events', seenEvents }]

describe('what nobody waits for after a fault', () => {
  it('is what died before anybody could read it, but for what nothing excuses', () => {
    const [taken] = takenFrom(audit(80, { restores: [killed], beyondEvents: 10 }), seen(920))
    expect(taken).toEqual({ store: 'postgres.events', events: 70, by: ['postgres'] })
  })

  it('is nothing of what had been readable: that was no backlog', () => {
    const all = audit(500, { restores: [restore], beyondEvents: 0 })
    expect(takenFrom(all, seen(1_000))).toEqual([
      { store: 'postgres.events', events: 0, by: [null] },
    ])
    expect(takenFrom(all, seen(970))[0]?.events).toBe(30)
    // Stored without an answer, and seen.
    expect(takenFrom(all, seen(1_050))[0]?.events).toBe(0)
  })

  it('is not known of stores that nothing happened to, that nobody polls, or without an audit', () => {
    expect(takenFrom(audit(80, undefined), seen(920))).toEqual([])
    expect(takenFrom(audit(80, { restores: [killed], beyondEvents: 0 }), [])).toEqual([])
    expect(takenFrom(null, seen(920))).toEqual([])
  })
})
