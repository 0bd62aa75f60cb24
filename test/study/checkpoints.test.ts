import { describe, expect, it } from 'vitest'
import type { CheckpointOutcome } from '../../src/engines/engine.ts'
import { HeadroomError } from '../../src/kit/errors.ts'
import { runCheckpoints } from '../../src/study/checkpoints.ts'

function engine(name: string, checkpoint: () => Promise<CheckpointOutcome>) {
  return { name, control: { checkpoint, execute: () => Promise.resolve() } }
}

const made = (name: string) => engine(name, () => Promise.resolve('made'))
const nothingToDo = (name: string) => engine(name, () => Promise.resolve('nothing-to-do'))
const refused = (name: string) =>
  engine(name, () =>
    Promise.reject(new HeadroomError('ENGINE_RIGHTS_MISSING', 'role "app" may not run CHECKPOINT')),
  )

async function marksOf(...engines: readonly ReturnType<typeof engine>[]) {
  const lines: string[] = []
  const marks = await runCheckpoints([{ atMs: 0, reason: 'start' }], {
    engines,
    epochMs: 0,
    nowMs: () => 7,
    signal: new AbortController().signal,
    log: (line) => lines.push(line),
  })
  return { marks, lines }
}

describe('a checkpoint at a known moment', () => {
  it('is marked where an engine made one', async () => {
    expect((await marksOf(made('postgres'), nothingToDo('clickhouse'))).marks).toEqual([
      { atMs: 7, reason: 'start' },
    ])
  })

  it('is not marked where no engine has any such thing', async () => {
    expect((await marksOf(nothingToDo('clickhouse'))).marks).toEqual([])
    expect((await marksOf()).marks).toEqual([])
  })

  it('is not marked where it was refused', async () => {
    const { marks, lines } = await marksOf(refused('postgres'), nothingToDo('clickhouse'))
    expect(marks).toEqual([])
    expect(lines).toEqual([
      'postgres: checkpoint (start) failed: role "app" may not run CHECKPOINT',
    ])
  })

  it('of two servers is marked for the one, and names the refusal of the other', async () => {
    expect((await marksOf(refused('ledger'), made('postgres'))).marks).toEqual([
      { atMs: 7, reason: 'start', refused: ['ledger: role "app" may not run CHECKPOINT'] },
    ])
  })

  it('that broke half way was begun all the same', async () => {
    const broken = engine('postgres', () => Promise.reject(new Error('terminated')))
    expect((await marksOf(broken)).marks).toEqual([{ atMs: 7, reason: 'start' }])
  })
})
