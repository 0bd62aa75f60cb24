/** Whether a recorded file is in a store already, told through reads before anything is sent. */
import { describe, expect, it } from 'vitest'
import type { PointReader, ReadAnswer } from '../../src/architecture/evidence.ts'
import { refuseWhatIsStored } from '../../src/audit/already-stored.ts'
import { cancelledFirst } from './cancelled-rows.ts'

const stream = {
  eventCount: 1_000,
  sourceOf: () => 'org',
  idOf: String,
  indexOf: (_source: string | null, id: string) => Number(id),
}

async function look(answer: (index: number) => ReadAnswer): Promise<void> {
  const reader: PointReader = {
    name: 'mine',
    eventsMax: Infinity,
    withinS: 60,
    concurrency: 4,
    comparesValues: false,
    read: ({ transactionId }) => Promise.resolve(answer(Number(transactionId))),
  }
  const signal = new AbortController().signal
  const evidence = { by: 'reads', reader, settleS: 0 } as const
  await refuseWhatIsStored({ evidence, stream, target: 'mine', signal })
}

const unanswered: ReadAnswer = { kind: 'unanswered', because: 'HTTP 500' }

describe('a recorded file', () => {
  it('is sent where none of its events is there', async () => {
    await expect(look(() => ({ kind: 'missing' }))).resolves.toBeUndefined()
    await expect(
      look((index) => (index === 0 ? { kind: 'missing' } : unanswered)),
    ).resolves.toBeUndefined()
  })

  it('is refused where some are', async () => {
    await expect(
      look((index) => (index < 500 ? { kind: 'found', value: null } : { kind: 'missing' })),
    ).rejects.toThrow('already holds events of the recorded file')
  })

  it('is counted once where the server cancels the reading and it begins again', async () => {
    const signal = new AbortController().signal
    const rows = cancelledFirst(1, async function* () {
      await Promise.resolve()
      yield { ids: ['7', '8'], sources: ['org', 'org'], values: Float64Array.of(1, 1) }
    })
    const store = { name: 'mine', yields: { organization: true, value: true }, rows }
    const evidence = { by: 'statement', store, settleS: 0 } as const
    await expect(refuseWhatIsStored({ evidence, stream, target: 'mine', signal })).rejects.toThrow(
      '(2 were seen)',
    )
  })

  it('is refused where no question is answered: silence does not say that a store is empty', async () => {
    await expect(look(() => unanswered)).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringMatching(
        /could not be told whether .* mine .*none of \d+ reads was answered \(HTTP 500\)/,
      ) as string,
    })
  })
})
