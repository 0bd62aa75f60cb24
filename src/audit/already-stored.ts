/**
 * Whether a store of the user's own already holds what is about to be sent. In: a recorded stream, which brings its own
 * identifiers, and the way to look. Out: nothing, or an error: over rows of an earlier replay no audit could tell a loss.
 */
import type { Evidence, PointReader, StatementStore } from '../architecture/evidence.ts'
import { readAgain } from '../kit/cancelled-read.ts'
import { HeadroomError } from '../kit/errors.ts'
import type { EventStream } from '../shapes/stream.ts'

/** Of a file that was replayed before nearly all events are there: a few tell. */
const ASKED_MAX = 64

export interface StoredBefore {
  readonly evidence: Evidence
  readonly stream: Pick<EventStream, 'eventCount' | 'sourceOf' | 'idOf' | 'indexOf'>
  readonly target: string
  readonly signal: AbortSignal
}

/** @throws HeadroomError BAD_INPUT */
export async function refuseWhatIsStored(options: StoredBefore): Promise<void> {
  const { evidence, target } = options
  if (evidence.by === 'statement' && !evidence.store.yields.organization) {
    throw new HeadroomError(
      'BAD_INPUT',
      `recorded events are told apart by organization and id, but the statement of ${target} yields no organization_id`,
      { hint: 'let audit.statement yield organization_id as well, or send generated events' },
    )
  }
  const stored = await storedBefore(options)
  if (stored === 0) return
  throw new HeadroomError(
    'BAD_INPUT',
    `the store of ${target} already holds events of the recorded file (${stored.toLocaleString('en')} were seen)`,
    {
      hint: 'a loss could not be told from what is there: empty it first, replay in one round, or send generated events, which get new ids in every run',
    },
  )
}

async function storedBefore({ evidence, stream, target, signal }: StoredBefore): Promise<number> {
  switch (evidence.by) {
    case 'statement':
      return await readAgain(signal, () => storedByStatement(evidence.store, stream, signal))
    case 'reads':
      return await storedByReads(evidence.reader, { stream, target, signal })
    case 'stores':
    case 'none':
      return 0
  }
}

async function storedByStatement(
  store: StatementStore,
  stream: StoredBefore['stream'],
  signal: AbortSignal,
): Promise<number> {
  let stored = 0
  for await (const { ids, sources } of store.rows(signal)) {
    for (const [row, id] of ids.entries()) {
      if (stream.indexOf(sources[row] ?? '', id) !== null) stored++
    }
  }
  return stored
}

/** @throws HeadroomError BAD_INPUT where no question is answered: silence does not say that a store is empty */
async function storedByReads(
  reader: PointReader,
  { stream, target, signal }: Omit<StoredBefore, 'evidence'>,
): Promise<number> {
  const every = Math.max(1, Math.floor(stream.eventCount / ASKED_MAX))
  let asked = 0
  let stored = 0
  let unanswered = 0
  let because = ''
  for (let index = 0; index < stream.eventCount; index += every) {
    const event = { organizationId: stream.sourceOf(index), transactionId: stream.idOf(index) }
    const answer = await reader.read(event, signal)
    asked++
    if (answer.kind === 'found') stored++
    if (answer.kind !== 'unanswered') continue
    unanswered++
    because = answer.because
  }
  if (asked > 0 && unanswered === asked) {
    throw new HeadroomError(
      'BAD_INPUT',
      `it could not be told whether the store of ${target} already holds the recorded file: none of ${String(asked)} reads was answered (${because})`,
      { hint: 'look at audit.path, audit.found and audit.missing of the target' },
    )
  }
  return stored
}
