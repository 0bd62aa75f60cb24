import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  ArchivedUntil,
  lastSegment,
  newestTimeline,
} from '../../../src/engines/postgres/archived-until.ts'

const MB16 = 16 * 2 ** 20

describe('until when an archive is whole', () => {
  it('is never later than the first commit that it lacks, and no look would allow more', () => {
    const step = fc.record({
      kind: fc.constantFrom('commit', 'look'),
      afterMs: fc.integer({ min: 1, max: 50 }),
      bytes: fc.integer({ min: 1, max: 400 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.nat(12_000), (steps, end) => {
        const archived = new ArchivedUntil(0)
        const commits: { ackMs: number; position: number }[] = []
        const looks: { atMs: number; position: number }[] = []
        let [nowMs, position] = [0, 0]
        for (const { kind, afterMs, bytes } of steps) {
          nowMs += afterMs
          if (kind === 'commit') {
            position += bytes
            commits.push({ ackMs: nowMs, position })
          } else {
            // Answered later than asked: commits in between move the position too.
            archived.look(nowMs, position)
            looks.push({ atMs: nowMs, position })
          }
        }
        const until = archived.until(end)
        const lacking = commits.filter((commit) => commit.position > end)
        for (const { ackMs } of lacking) expect(ackMs).toBeGreaterThanOrEqual(until)
        const positions = new Map(looks.map((look) => [look.position, look]))
        const allowed = [...positions.values()].filter((look) => look.position <= end)
        expect(until).toBe(Math.max(0, ...allowed.map(({ atMs }) => atMs)))
      }),
    )
  })

  it('is the base backup where nothing is archived, or no look is as old', () => {
    const archived = new ArchivedUntil(7)
    expect(archived.until(null)).toBe(7)
    archived.look(20, 5_000)
    expect(archived.until(null)).toBe(7)
    expect(archived.until(4_999)).toBe(7)
    expect(archived.until(5_000)).toBe(20)
  })

  it('forgets what was looked at in a log that a restore took away', () => {
    const archived = new ArchivedUntil(0)
    archived.look(10, 1_000)
    archived.look(20, 3_000)
    // Restored to 2,000, and written since.
    archived.look(90, 2_100)
    expect(archived.until(3_500)).toBe(90)
    expect(archived.until(2_050)).toBe(10)
  })

  it('stays that of the backup when the archive lags more looks than are kept', () => {
    const archived = new ArchivedUntil(1)
    for (let at = 0; at < 10_000; at++) archived.look(100 + at, at)
    expect(archived.until(10)).toBe(1)
    expect(archived.until(9_000)).toBe(9_100)
  })
})

describe('the last segment of an archive', () => {
  it('is of the newest timeline; backups, histories and what is half copied are none', () => {
    const files = [
      '000000010000000000000007',
      '000000020000000000000005',
      '000000020000000000000004.00000028.backup',
      '00000002.history',
      '000000020000000000000006.copying',
    ]
    expect(lastSegment(files, MB16)).toEqual({
      file: '000000020000000000000005',
      timeline: 2,
      endPosition: 6 * MB16,
    })
    expect(lastSegment(['00000001.history'], MB16)).toBeNull()
    // A timeline may have begun of which no segment is there yet.
    expect(newestTimeline([...files, '0000000A.history'])).toBe(10)
    expect(newestTimeline([])).toBe(0)
  })

  it.each([
    ['0000000100000000000000FF', MB16, 2 ** 32],
    ['000000010000000100000000', MB16, 2 ** 32 + MB16],
    ['000000010000000200000003', 2 ** 30, 3 * 2 ** 32],
  ])('%s with segments of %d bytes ends at %d', (file, segmentBytes, endPosition) => {
    expect(lastSegment([file], segmentBytes)?.endPosition).toBe(endPosition)
  })
})
