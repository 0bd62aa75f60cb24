import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { freshnessByRange, openSeenLog, rangesOf } from '../../src/audit/freshness.ts'
import { openOutcomes, type OutcomeReader } from '../../src/audit/outcomes.ts'
import { ACK_UNIT_US, NO_ACK, OUTCOME_CODES, OUTCOME_RECORD_BYTES } from '../../src/drive/job.ts'

const folder = mkdtempSync(join(tmpdir(), 'headroom-outcomes-'))
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})
let files = 0

interface Request {
  readonly outcome: number
  readonly ackUnits: number
  readonly duplicates: readonly number[]
  readonly rejected: readonly number[]
}

function write(requests: readonly Request[], batchEvents: number) {
  const name = String(files++)
  const records = Buffer.alloc(requests.length * OUTCOME_RECORD_BYTES)
  const lines: string[] = []
  requests.forEach(({ outcome, ackUnits, duplicates: d, rejected: x }, r) => {
    const at = r * OUTCOME_RECORD_BYTES
    const special = d.length + x.length > 0
    records.writeUInt8(outcome, at)
    records.writeUInt8(special ? 1 : 0, at + 1)
    records.writeUInt32LE(ackUnits, at + 2)
    if (special) lines.push(JSON.stringify({ r, d, x }))
  })
  const outcomesFile = join(folder, `${name}.bin`)
  const exceptionsFile = join(folder, `${name}.ndjson`)
  writeFileSync(outcomesFile, records)
  // Answers come in any order.
  writeFileSync(exceptionsFile, lines.reverse().join('\n'))
  return { outcomesFile, exceptionsFile, batchEvents }
}

async function readAll(reader: OutcomeReader): Promise<{ outcome: number; ackUnits: number }[]> {
  const events: { outcome: number; ackUnits: number }[] = []
  for await (const block of reader.blocks(AbortSignal.timeout(10_000))) {
    expect(block.firstIndex).toBe(events.length)
    block.outcomes.forEach((outcome, at) => {
      events.push({ outcome, ackUnits: block.ackUnits[at]! })
    })
  }
  return events
}

const accepted = (ackUnits: number): Request => ({
  outcome: OUTCOME_CODES.accepted,
  ackUnits,
  duplicates: [],
  rejected: [],
})

describe('the outcomes of a run', () => {
  it('become one outcome and one ack per event, exceptions applied, the last batch cut', async () => {
    const batches = fc.integer({ min: 1, max: 50 }).chain((batchEvents) => {
      const positions = fc.uniqueArray(fc.nat(batchEvents - 1), { maxLength: 4 })
      const request = fc.record({
        outcome: fc.constantFrom(...Object.values(OUTCOME_CODES)),
        ackUnits: fc.oneof(fc.nat(1_000_000), fc.constant(NO_ACK)),
        duplicates: positions,
        rejected: positions,
      })
      const missing = fc.nat(batchEvents - 1)
      return fc.tuple(
        fc.constant(batchEvents),
        fc.array(request, { minLength: 1, maxLength: 600 }),
        missing,
      )
    })
    await fc.assert(
      fc.asyncProperty(batches, async ([batchEvents, requests, missing]) => {
        const events = requests.length * batchEvents - missing
        const reader = await openOutcomes({ ...write(requests, batchEvents), events })
        const expected = requests.flatMap(({ outcome, ackUnits, duplicates, rejected }) =>
          Array.from({ length: batchEvents }, (_, item) => ({
            outcome: rejected.includes(item)
              ? OUTCOME_CODES.rejected
              : duplicates.includes(item)
                ? OUTCOME_CODES.duplicate
                : outcome,
            ackUnits,
          })),
        )
        expect(reader.events).toBe(events)
        expect(await readAll(reader)).toEqual(expected.slice(0, events))
      }),
      { numRuns: 40 },
    )
  })

  it('that are missing or mangled are refused by name', async () => {
    const missing = { outcomesFile: join(folder, 'none'), exceptionsFile: '', batchEvents: 1 }
    await expect(openOutcomes(missing)).rejects.toMatchObject({ code: 'RECORD_UNREADABLE' })
    const paths = write([accepted(1)], 1)
    writeFileSync(paths.exceptionsFile, '{"r":0,"d":[0]}\n{"r":-1}\n')
    await expect(openOutcomes(paths)).rejects.toThrow(/line 2/)
  })

  it('leave out a record that was cut while it was written', async () => {
    const paths = write([accepted(5), accepted(6)], 1)
    writeFileSync(paths.outcomesFile, Buffer.alloc(OUTCOME_RECORD_BYTES + 3, 1))
    expect((await openOutcomes(paths)).events).toBe(1)
  })
})

describe('freshness', () => {
  const itself = { canonicalOf: (index: number) => index }

  it('runs from ack to first seen, per segment, and is infinite for what never appeared', async () => {
    const paths = write(
      [1_000, 2_000, 3_000, 4_000, 5_000].map((us) => accepted(us / ACK_UNIT_US)),
      1,
    )
    const outcomes = await openOutcomes(paths)
    await using seen = await openSeenLog(join(folder, 'seen.bin'))
    seen.seen(0, 3)
    seen.seen(1, 2)
    seen.seen(3, 3)
    seen.seen(4, 5.01)
    const ranges = rangesOf([{ dueEvents: 2 }, { dueEvents: 0 }, { dueEvents: 2 }])
    const signal = AbortSignal.timeout(10_000)
    const [first, none, second] = await freshnessByRange({
      outcomes,
      seen,
      stream: itself,
      ranges,
      signal,
    })
    expect([first?.count, first?.infinite, first?.maxUs]).toEqual([2, 0, 2_000])
    expect([none?.count, none?.infinite]).toEqual([0, 0])
    // Event 2 never appeared; event 3 was seen before its ack was noted.
    expect([second?.count, second?.infinite, second?.maxUs]).toEqual([1, 1, 0])
  })

  it('asks neither refused nor unanswered events nor repeats', async () => {
    const refused = { ...accepted(1), outcome: OUTCOME_CODES.shed }
    const unanswered = { ...accepted(NO_ACK), outcome: OUTCOME_CODES.unknown }
    const outcomes = await openOutcomes(write([refused, unanswered, accepted(1), accepted(2)], 1))
    await using seen = await openSeenLog(join(folder, 'seen-2.bin'))
    const stream = { canonicalOf: (index: number) => (index === 3 ? 2 : index) }
    const ranges = [{ fromIndex: 0, toIndex: 4 }]
    const signal = AbortSignal.timeout(10_000)
    const [only] = await freshnessByRange({ outcomes, seen, stream, ranges, signal })
    expect([only?.count, only?.infinite]).toEqual([0, 1])
  })

  it('remembers any number of moments in a few pages', async () => {
    const step = 7_919
    const count = 2_000
    await using seen = await openSeenLog(join(folder, 'seen-3.bin'))
    const at = (n: number): number => (n * step * 13) % (200 * 65_536)
    for (let n = 0; n < count; n++) seen.seen(at(n), n)
    for (let n = 0; n < count; n++) expect(seen.seenUs(at(n))).toBe(n * 1_000)
    expect(seen.seenUs(at(1) + 1)).toBeNull()
    expect(seen.seenUs(10 ** 9)).toBeNull()
  })
})
