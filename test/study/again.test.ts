import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nextAgain } from '../../src/study/again.ts'
import type { EndedRun } from '../../src/study/again.ts'
import { interleave } from '../../src/study/interleave.ts'
import type { PlannedRun } from '../../src/study/interleave.ts'

interface Named {
  readonly name: string
}
type Run = PlannedRun<Named>

const targets = (count: number): Named[] =>
  Array.from({ length: count }, (_, at) => ({ name: `t${String(at)}` }))

/** Goes through a whole study. @param isDueAgain of a run, and whether it is made again */
function study(
  planned: readonly Run[],
  isDueAgain: (run: Run, again: boolean) => boolean,
): readonly EndedRun<Run>[] {
  const ended: EndedRun<Run>[] = planned.map((run) => ({ run, isDueAgain: isDueAgain(run, false) }))
  for (
    let run = nextAgain(planned.length, ended);
    run !== null;
    run = nextAgain(planned.length, ended)
  ) {
    ended.push({ run, isDueAgain: isDueAgain(run, true) })
  }
  return ended
}

const again = (planned: readonly Run[], isDueAgain: (run: Run, again: boolean) => boolean) =>
  study(planned, isDueAgain)
    .slice(planned.length)
    .map(({ run }) => [run.target.name, run.round, run.position])

describe('void runs', () => {
  const planned = interleave(targets(4), 3)

  it('are made again behind all others, in their order', () => {
    const isDueAgain = (run: Run, isAgain: boolean): boolean =>
      !isAgain && (run.position === 2 || run.position === 12)
    expect(again(planned, isDueAgain)).toEqual([
      ['t1', 1, 13],
      ['t3', 3, 14],
    ])
  })

  it('of a target that is void again are given up on, others are not', () => {
    const isDueAgain = ({ target, round }: Run, isAgain: boolean): boolean =>
      target.name === 't0' || (!isAgain && target.name === 't3' && round === 2)
    expect(again(planned, isDueAgain).map(([name]) => name)).toEqual(['t0', 't3'])
  })

  it('are made again once where there is one run only', () => {
    const [only] = interleave(targets(1), 1)
    expect(again([only!], () => true)).toEqual([['t0', 1, 2]])
    expect(again([only!], () => false)).toEqual([])
  })

  it('add a quarter of the runs at most, each void one once', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
        (many, rounds, voids) => {
          const runs = interleave(targets(many), rounds)
          const isDueAgain = ({ position }: Run): boolean => voids[position] ?? false
          const ended = study(runs, isDueAgain)
          const more = ended.slice(runs.length).map(({ run }) => run)
          expect(more.length).toBeLessThanOrEqual(Math.ceil(runs.length / 4))
          const keys = more.map(({ target, round }) => `${target.name} ${String(round)}`)
          expect(new Set(keys).size).toBe(keys.length)
          for (const run of more) {
            const first = ended.find((one) => keyOf(one.run) === keyOf(run))
            expect(first?.isDueAgain).toBe(true)
          }
          expect(ended.map(({ run }) => run.position)).toEqual(ended.map((_, at) => at + 1))
        },
      ),
    )
  })
})

const keyOf = ({ target, round }: Run): string => `${target.name} ${String(round)}`
