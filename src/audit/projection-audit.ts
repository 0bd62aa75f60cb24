/**
 * Whether a projection shows what acknowledged events say it must. In: what is shown, what was sent, and the promise. Out:
 * counts and a list of keys that are missing, behind, wrong or foreign, and a verdict.
 *
 * Memory holds so many keys at a time: where events have more of them, sent and shown are read once for every part of them.
 */
import { setImmediate as turn } from 'node:timers/promises'
import type { StorePromise } from '../architecture/architecture.ts'
import type { Projection, Shown } from '../architecture/projection.ts'
import type { ProjectionAudit } from '../results/audit-record.ts'
import { PRELOAD_BASE_INDEX, type EventStream } from '../shapes/stream.ts'
import { lossIsAllowed, type WorstFault } from './promise.ts'
import type { SentEvents } from './sent-events.ts'

export interface ProjectionAuditOptions {
  readonly projection: Projection
  readonly stream: EventStream
  /** Absent: preloaded rows come from `stream`. */
  readonly preloadStream?: EventStream
  readonly sent: SentEvents
  readonly preloadedRows: number
  readonly promise: StorePromise
  readonly worstFault?: WorstFault
  readonly listLimit?: number
  /** Held in memory at a time. */
  readonly keysMax?: number
  readonly signal: AbortSignal
}

const LIST_LIMIT = 1_000
/** About 300 MB. */
const KEYS_MAX = 1_000_000
/** Events that are looked at between two chances to stop. */
const EVENTS_A_TURN = 16_384

type Counts = Pick<
  ProjectionAudit,
  'dueKeys' | 'shownKeys' | 'missingKeys' | 'behindKeys' | 'wrongKeys' | 'foreignKeys'
>
type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

export async function auditProjection(options: ProjectionAuditOptions): Promise<ProjectionAudit> {
  const { projection, promise, worstFault = 'none', listLimit = LIST_LIMIT } = options
  const counts: Mutable<Counts> = {
    dueKeys: 0,
    shownKeys: 0,
    missingKeys: 0,
    behindKeys: 0,
    wrongKeys: 0,
    foreignKeys: 0,
  }
  const mismatches: string[] = []
  const note = (count: keyof Counts, words: string): void => {
    counts[count]++
    if (mismatches.length < listLimit) mismatches.push(words)
  }
  let parts = 1
  for (let part = 0; part < parts; part++) {
    const due = await dueIn(options, part, parts)
    parts = due.parts
    counts.dueKeys += due.latest.size
    for await (const rows of projection.rows(options.signal)) {
      for (const row of rows) {
        if (partOf(row.key, parts) !== part) continue
        counts.shownKeys++
        compare(row, due, note)
      }
    }
    for (const [key, { version }] of due.latest) {
      note('missingKeys', `${key}: not shown, due is ${version}`)
    }
  }
  return {
    projection: projection.name,
    ...counts,
    mismatches,
    listLimit,
    ...verdictOf(counts, { promise, worstFault }),
  }
}

/** What one part of the keys must show, and may. */
interface Due {
  readonly parts: number
  /** Of acknowledged and preloaded events; a key is taken out once it is seen shown. */
  readonly latest: Map<string, Shown>
  /** Of events that nobody got an answer for, by key. */
  readonly unknown: ReadonlyMap<string, readonly Shown[]>
}

/** The number of parts is found with the first one: it doubles until that fits. */
async function dueIn(
  { projection, stream, sent, signal, ...options }: ProjectionAuditOptions,
  part: number,
  partsBefore: number,
): Promise<Due> {
  const { preloadStream = stream, preloadedRows, keysMax = KEYS_MAX } = options
  const latest = new Map<string, Shown>()
  const unknown = new Map<string, Shown[]>()
  const shown = shownOf(projection)
  let parts = partsBefore
  const take = (event: Shown | null): void => {
    if (event === null || partOf(event.key, parts) !== part) return
    const known = latest.get(event.key)
    if (known === undefined || isLater(event, known)) latest.set(event.key, event)
    if (part > 0 || latest.size <= keysMax) return
    parts *= 2
    for (const key of latest.keys()) if (partOf(key, parts) !== part) latest.delete(key)
  }
  const each = eachInTurns(signal)
  await each(preloaded(preloadedRows), (index) => {
    take(shown(preloadStream, index))
  })
  await each(sent.acknowledged.indexes(), (index) => {
    take(shown(stream, index))
  })
  await each(sent.unknown.indexes(), (index) => {
    const event = shown(stream, index)
    if (event === null || partOf(event.key, parts) !== part) return
    unknown.set(event.key, [...(unknown.get(event.key) ?? []), event])
  })
  return { parts, latest, unknown }
}

function* preloaded(rows: number): Generator<number> {
  for (let row = 0; row < rows; row++) yield PRELOAD_BASE_INDEX + row
}

/** A loop over millions must be stoppable. */
function eachInTurns(
  signal: AbortSignal,
): (indexes: Iterable<number>, visit: (index: number) => void) => Promise<void> {
  let visited = 0
  return async (indexes, visit) => {
    for (const index of indexes) {
      visit(index)
      if (++visited % EVENTS_A_TURN !== 0) continue
      await turn()
      signal.throwIfAborted()
    }
  }
}

function shownOf(projection: Projection): (stream: EventStream, index: number) => Shown | null {
  let scratch = Buffer.alloc(0)
  return (stream, index) => {
    if (scratch.length < stream.maxEventBytes) scratch = Buffer.alloc(stream.maxEventBytes)
    const end = stream.writeJson(index, scratch, 0)
    const event = JSON.parse(scratch.toString('utf8', 0, end)) as Record<string, unknown>
    return projection.shownBy(event)
  }
}

function compare(
  row: Shown,
  { latest, unknown }: Due,
  note: (count: keyof Counts, words: string) => void,
): void {
  const due = latest.get(row.key)
  latest.delete(row.key)
  const says = `${row.key}: shows ${row.version}`
  if (row.version === due?.version) {
    if (row.value !== due.value) {
      note('wrongKeys', `${says} with ${row.value}, due is ${due.value}`)
    }
    return
  }
  if (due !== undefined && !isLater(row, due)) {
    note('behindKeys', `${says}, due is ${due.version}`)
    return
  }
  const unanswered = unknown.get(row.key)?.find(({ version }) => version === row.version)
  if (unanswered === undefined) {
    note('foreignKeys', `${says}, which nobody was told is stored`)
  } else if (unanswered.value !== row.value) {
    note('wrongKeys', `${says} with ${row.value}, sent was ${unanswered.value}`)
  }
}

function isLater({ version }: Shown, than: Shown): boolean {
  return Buffer.compare(Buffer.from(version), Buffer.from(than.version)) > 0
}

/** Which part of the keys one belongs to: FNV-1a, its high bits mixed into the low ones. */
function partOf(key: string, parts: number): number {
  if (parts === 1) return 0
  let hash = 0x811c9dc5
  for (let at = 0; at < key.length; at++) {
    hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  }
  return ((hash ^ (hash >>> 16)) >>> 0) % parts
}

function verdictOf(
  { missingKeys, behindKeys, wrongKeys, foreignKeys }: Counts,
  context: { readonly promise: StorePromise; readonly worstFault: WorstFault },
): Pick<ProjectionAudit, 'verdict' | 'because'> {
  const lost = sentences([
    [missingKeys, 'not shown at all'],
    [behindKeys, 'shown as of an older write than the latest acknowledged one'],
  ])
  const false_ = sentences([
    [wrongKeys, 'with another value than was sent'],
    [foreignKeys, 'shown as of a write that nobody was told is stored'],
  ])
  const isAllowed = lossIsAllowed(context)
  const broken = isAllowed ? false_ : [...lost, ...false_]
  if (broken.length > 0) return { verdict: 'broken', because: `${broken.join('; ')}.` }
  if (lost.length > 0) {
    const why = `survives ${context.promise.survives}, met ${context.worstFault}`
    return {
      verdict: 'as-promised',
      because: `${lost.join('; ')}, within the promise: ${why}.`,
    }
  }
  return { verdict: 'whole', because: 'Every key shows its latest acknowledged write.' }
}

function sentences(counts: readonly (readonly [count: number, what: string])[]): readonly string[] {
  return counts
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${count.toLocaleString('en')} key${count === 1 ? '' : 's'} ${what}`)
}
