import { describe, expect, it } from 'vitest'
import { progressLines } from '../../src/cli/progress-lines.ts'
import { initialProgress, leftS, nextProgress } from '../../src/cli/progress-state.ts'
import { showProgress } from '../../src/cli/progress.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import type { RunProgress } from '../../src/study/progress-events.ts'

const events: readonly RunProgress[] = [
  { type: 'study-started', studyId: 's1', dir: '/tmp/s1', runs: 6, estimatedS: 180 },
  { type: 'run-started', runId: 's1/01', target: 'pg-direct', round: 1, position: 1 },
  {
    type: 'engine-ready',
    target: 'pg-direct',
    label: 'postgres 18.4',
    tookMs: 412,
    provider: 'embedded',
  },
  { type: 'phase', target: 'pg-direct', phase: 'preload', detail: '200,000 rows' },
  {
    type: 'window',
    target: 'pg-direct',
    phase: 'measure',
    targetPerS: 2_000,
    acceptedPerS: 1_998,
    latencyP99Us: 6_100,
    backlogEvents: 12,
    walBytesPerS: 1_900_000,
    doneRatio: 0.5,
    leftS: 9.2,
  },
  { type: 'note', text: 'CHECKPOINT at 5 s' },
  {
    type: 'run-ended',
    runId: 's1/01',
    target: 'pg-direct',
    round: 1,
    state: 'completed',
    sustainedPerS: 3_500,
    brokenAtPerS: 6_000,
    message: '',
  },
]

const after = (count: number) =>
  events.slice(0, count).reduce(nextProgress, initialProgress(['pg-direct', 'pg-batch'], 3))
const draw = (count: number, columns = 160) =>
  progressLines(after(count), { columns, elapsedS: 30, paint: (_, text) => text })

describe('progress on a terminal', () => {
  it('has one line per target and one in total, in the order the user named them', () => {
    expect(draw(5)).toEqual([
      'pg-direct  ████████░░░░░░░░  round 1  measure 10 s left   2,000 events/s   p99 6.1 ms   backlog 12   WAL 1.9 MB/s',
      'pg-batch                     waiting',
      '           0 of 6 runs done, about 2.5 min left   postgres 18.4 ready 0.4 s (embedded)',
    ])
  })

  it('says what is going on before the first event is due', () => {
    expect(draw(4)[0]).toBe('pg-direct  ░░░░░░░░░░░░░░░░  round 1  preload  200,000 rows')
  })

  it('keeps the last round of a target that waits', () => {
    expect(draw(7)[0]).toBe(
      'pg-direct  ████████████████  round 1  held 3,500 events/s, broke at 6,000 events/s',
    )
  })

  it('never fills the last column, however narrow the terminal', () => {
    for (const columns of [20, 40, 80]) {
      for (const line of draw(5, columns)) expect(Array.from(line).length).toBeLessThan(columns)
    }
  })

  it('estimates what is left from the plan first, then from what runs really took', () => {
    expect(leftS(after(5), 30)).toBe(150)
    expect(leftS(after(7), 30)).toBe(150)
    expect(leftS(after(7), 20)).toBe(100)
    expect(leftS(after(5), 500)).toBe(0)
  })

  it('redraws its block in place and keeps notes above it', () => {
    const { terminal, written } = recorder(true)
    const view = showProgress({ terminal, targets: ['a'], rounds: 1 })
    view.onProgress({ type: 'run-started', runId: 'r', target: 'a', round: 1, position: 1 })
    view.onProgress({ type: 'note', text: 'hello' })
    view.end()
    const text = written.join('')
    expect(text).toContain('\x1b[2A\x1b[0J')
    expect(text.indexOf('note  hello')).toBeLessThan(text.lastIndexOf('a      '))
    expect(text.endsWith('\n')).toBe(true)
  })
})

describe('progress without a terminal', () => {
  it('is one plain line per phase, without a cursor movement', () => {
    const { terminal, written } = recorder(false)
    const view = showProgress({
      terminal,
      targets: ['pg-direct', 'pg-batch'],
      rounds: 3,
      clock: { nowMs: () => 1_000, sleep: () => Promise.resolve() },
    })
    events.forEach(view.onProgress)
    view.end()
    expect(written).toEqual([
      '    0.0 s  study s1: 6 runs, at most about 3 min unless runs are void\n',
      '    0.0 s  [1/6] pg-direct round 1: postgres 18.4 ready in 0.4 s (embedded)\n',
      '    0.0 s  [1/6] pg-direct round 1: preload, 200,000 rows\n',
      '    0.0 s  [1/6] pg-direct round 1: 2,000 events/s, p99 6.1 ms, backlog 12, 10 s left\n',
      '    0.0 s  note: CHECKPOINT at 5 s\n',
      '    0.0 s  [1/6] pg-direct round 1: held 3,500 events/s, broke at 6,000 events/s\n',
    ])
  })

  it('says now and then that a long phase still lives, not every second', () => {
    const { terminal, written } = recorder(false)
    let nowMs = 0
    const view = showProgress({
      terminal,
      targets: ['a'],
      rounds: 1,
      clock: { nowMs: () => nowMs, sleep: () => Promise.resolve() },
    })
    const window = events[4]!
    for (; nowMs < 120_000; nowMs += 1_000) view.onProgress(window)
    expect(written.length).toBe(4)
  })
})

function recorder(canRedraw: boolean): {
  readonly terminal: Terminal
  readonly written: readonly string[]
} {
  const written: string[] = []
  const terminal: Terminal = {
    data: (text) => written.push(`${text}\n`),
    talk: (line) => written.push(`${line}\n`),
    draw: (text) => written.push(text),
    canRedraw,
    columns: 100,
    paint: (_, text) => text,
  }
  return { terminal, written }
}
