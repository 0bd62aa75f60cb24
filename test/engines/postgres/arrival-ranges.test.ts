import { expect, it } from 'vitest'
import { nextTurn, relisted, roundsOver } from '../../../src/engines/postgres/arrival-ranges.ts'
import type { KeyRange, Rounds } from '../../../src/engines/postgres/arrival-ranges.ts'

const days = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => new Date(Date.UTC(2026, 0, 1 + n)).toISOString())

const holds = ({ from, to }: KeyRange, at: string): boolean =>
  (from === null || at >= from) && (to === null || at < to)

it.each([
  [1, 1],
  [4, 3],
  [12, 9],
  [365, 362],
  [365, 0],
  [365, 365],
  [5_000, 2_500],
])(
  '%i partitions of which %i begin before now are all looked at, each once a round',
  (count, past) => {
    const froms = days(count)
    const { always, inTurn } = roundsOver({ key: 'at', froms, past })
    for (const at of ['2000-01-01', ...froms, '2100-01-01']) {
      expect([...always, ...inTurn].filter((range) => holds(range, at))).toHaveLength(1)
    }
    // Around now, and what lies outside of all bounds: at every poll.
    for (const at of ['2000-01-01', froms[past - 1], '2100-01-01']) {
      expect(always.some((range) => at !== undefined && holds(range, at))).toBe(at !== undefined)
    }
    expect(inTurn.length).toBeLessThanOrEqual(51)
  },
)

it('a poll looks at no more partitions of 365 than of 40, and reads all of a table without ranges', () => {
  const sizeOf = ({ always, inTurn }: Rounds, froms: readonly string[]): number =>
    froms.filter((from) => [...always, inTurn[0]!].some((range) => holds(range, from))).length
  const [few, many] = [days(40), days(365)]
  const at = (froms: readonly string[]) =>
    sizeOf(roundsOver({ key: 'at', froms, past: froms.length - 3 }), froms)
  expect(at(many)).toBe(at(few))
  expect(roundsOver({ key: null, froms: [], past: 0 }).always).toEqual([{ from: null, to: null }])
})

it('goes round, counts rounds, and remembers where rows came lately', () => {
  let rounds = roundsOver({ key: 'at', froms: days(40), past: 37 })
  const groups = rounds.inTurn.length
  expect(groups).toBeGreaterThan(2)
  for (let poll = 0; poll < groups; poll++) {
    expect([rounds.turn, rounds.round]).toEqual([poll, 0])
    rounds = nextTurn(rounds, poll === 1 ? [1] : [])
  }
  expect(rounds).toMatchObject({ turn: 0, round: 1, lately: [1], age: groups })
  expect(nextTurn(nextTurn(rounds, [3, 0]), [2]).lately).toEqual([2, 3])
})

it.each([
  ['nothing changed', 0, 400, 397],
  ['the next day began', 0, 401, 398],
  ['some were dropped, so that groups begin elsewhere', 5, 400, 397],
  ['so many were made that groups are larger', 0, 1_200, 600],
])('goes on looking where rows came lately when %s', (_, dropped, count, past) => {
  const all = days(1_200)
  const hot = all[100]!
  const before = roundsOver({ key: 'at', froms: all.slice(0, 400), past: 397 })
  const place = before.inTurn.findIndex((range) => holds(range, hot))
  const polled = nextTurn(before, [place])
  const bounds = { key: 'at', froms: all.slice(dropped, count), past: past - dropped }
  const after = relisted({ ...polled, round: 7 }, bounds)
  expect(after).toMatchObject({ ...roundsOver(bounds, 7), lately: after.lately })
  expect(after.lately.some((now) => holds(after.inTurn[now]!, hot))).toBe(true)
  expect(after.lately.length).toBeLessThanOrEqual(2)
})

it('forgets where rows came lately when no such ranges are left', () => {
  const before = nextTurn(roundsOver({ key: 'at', froms: days(40), past: 37 }), [2])
  expect(relisted(before, { key: 'at', froms: days(80).slice(30), past: 47 }).lately).toEqual([])
  expect(relisted(before, { key: 'at', froms: [], past: 0 }).lately).toEqual([])
})
