import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SymptomFold } from '../../src/collect/recovery-symptom.ts'
import type { FaultSpan } from '../../src/collect/recovery.ts'
import { RecoveryFold } from '../../src/collect/recovery.ts'
import type { SegmentResult } from '../../src/drive/job.ts'
import type { SymptomSeen } from '../../src/results/fault-record.ts'

const SPAN = { calmUntilMs: 10_000, fromMs: 10_000, toMs: 20_000, endMs: Infinity }

/** @param looks key, moment in s, value */
function seenOf(
  metric: string,
  looks: readonly (readonly [key: string, atS: number, value: number])[],
): SymptomSeen {
  const fold = new SymptomFold({ metric, ...SPAN })
  for (const [key, atS, value] of looks) fold.look(key, value, atS * 1_000)
  return fold.finish()
}

const dead = (...looks: readonly (readonly [number, number])[]): SymptomSeen =>
  seenOf(
    'table.deadRows{outbox}',
    looks.map(([atS, value]) => ['table.deadRows{outbox}', atS, value] as const),
  )

describe('the symptom of a fault', () => {
  it('is noticed above twice its level and a bit, and back at the look that is near it again', () => {
    expect(dead([5, 100], [9, 80], [12, 220], [15, 221], [19, 900], [25, 400], [30, 90])).toEqual({
      metric: 'table.deadRows{outbox}',
      ...{ before: 100, highest: 900, last: 90, noticedMs: 5_000, backMs: 10_000 },
    })
  })

  it('is back at once where it went back while the fault lasted, or never rose', () => {
    expect(dead([5, 10], [12, 900], [18, 10], [25, 10])).toMatchObject({
      noticedMs: 2_000,
      backMs: 0,
    })
    expect(dead([5, 10], [12, 12], [25, 11])).toMatchObject({ noticedMs: null, backMs: 0 })
  })

  it('is not back where its last look was above, or nobody looked after the end', () => {
    expect(dead([5, 10], [12, 900], [25, 10], [30, 700]).backMs).toBeNull()
    expect(dead([5, 10], [12, 11]).backMs).toBeNull()
    expect(dead()).toMatchObject({ before: null, highest: null, last: null, backMs: null })
  })

  it('is that of every instance where none is named, each by its own last look', () => {
    const gone = [
      ['slot.lagBytes{a}', 5, 1e6],
      ['slot.lagBytes{b}', 5, 1e6],
      ['slot.lagBytesOther', 12, 9e9],
      ['slot.lagBytes{a}', 15, 90e6],
      ['slot.lagBytes{b}', 30, 1e6],
    ] as const
    // The lost slot is never seen again: that is not back.
    expect(seenOf('slot.lagBytes', gone)).toMatchObject({ highest: 90e6, backMs: null })
    expect(seenOf('slot.lagBytes{b}', gone)).toMatchObject({ noticedMs: null, backMs: 0 })
  })

  it('has a margin of its unit: a megabyte of WAL, a tenth of a second, a twentieth of a share', () => {
    const noticed = (key: string, value: number): number | null =>
      seenOf(key, [
        [key, 5, 0],
        [key, 12, value],
      ]).noticedMs
    expect(noticed('slot.lagBytes', 1e6)).toBeNull()
    expect(noticed('slot.lagBytes', 2e6)).toBe(2_000)
    expect(noticed('replica.replayLagS', 0.1)).toBeNull()
    expect(noticed('replica.replayLagS', 0.2)).toBe(2_000)
    expect(noticed('replica.breakerOpenRatio', 0.5)).toBe(2_000)
  })

  it('is never called back before its last look above', () => {
    const look = fc.record({ at: fc.integer({ min: 1, max: 60 }), value: fc.nat(1_000) })
    fc.assert(
      fc.property(fc.uniqueArray(look, { selector: ({ at }) => at }), (all) => {
        const looks = all.toSorted((a, b) => a.at - b.at)
        const limit = Math.max(0, ...looks.filter(({ at }) => at <= 10).map(({ value }) => value))
        const later = looks.filter(({ at }) => at > 10)
        const above = later.filter(({ value }) => value > limit * 2 + 20)
        const { noticedMs, backMs } = dead(...looks.map(({ at, value }) => [at, value] as const))
        expect(noticedMs).toBe(above[0] === undefined ? null : (above[0].at - 10) * 1_000)
        const last = later.at(-1)
        if (last === undefined || last.at <= 20 || last === above.at(-1)) {
          expect(backMs).toBeNull()
        } else {
          expect(backMs).toBeGreaterThanOrEqual(Math.max(0, (above.at(-1)?.at ?? 0) - 20) * 1_000)
        }
      }),
    )
  })
})

describe('a recovery', () => {
  const segments = [
    { kind: 'measure', fromMs: 2_000, toMs: 32_000 },
  ] as unknown as readonly SegmentResult[]
  const fault: FaultSpan = {
    name: 'a pin',
    kind: 'session',
    on: 'database',
    fromMs: 10_000,
    toMs: 20_000,
    failed: null,
    symptom: 'horizon.ageTransactions',
  }

  const wholeMs = (looks: readonly (readonly [number, number])[]): number | null => {
    const fold = new RecoveryFold([fault], segments)
    const calm = { 'rate.dueEventsPerS': 9, 'rate.acceptedEventsPerS': 9, 'latency.p99Us': 900 }
    for (let atS = 3; atS <= 32; atS++) {
      fold.add({ t: atS * 1_000, v: calm })
      const at = looks.find(([lookS]) => lookS === atS)
      if (at !== undefined) {
        fold.add({ t: atS * 1_000 + 5, v: { 'horizon.ageTransactions': at[1] } })
      }
    }
    return fold.finish()[0]?.wholeMs ?? null
  }

  it('is whole when its symptom is back too, whatever clients noticed', () => {
    expect(
      wholeMs([
        [5, 3],
        [15, 4_000],
        [25, 3],
      ]),
    ).toBe(5_005)
    expect(
      wholeMs([
        [5, 3],
        [15, 4_000],
        [30, 6_000],
      ]),
    ).toBeNull()
  })

  it('does not wait for what the target does not have', () => {
    expect(wholeMs([])).toBe(0)
  })
})
