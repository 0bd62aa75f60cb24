/**
 * Whether a projection shows what acknowledged events say it must. In: what is shown, what was sent, and the promise. Out:
 * counts and a list of keys that are missing, behind, wrong or foreign, and a verdict.
 *
 * Memory holds so many keys at a time: where events have more of them, sent and shown are read once for every part of them.
 */
import { setImmediate as turn } from 'node:timers/promises'
import type { StorePromise } from '../architecture/architecture.ts'
import type { Projection, Shown } from '../architecture/projection.ts'
import { readAgain } from '../kit/cancelled-read.ts'
import type { ProjectionAudit } from '../results/audit-record.ts'
import { PRELOAD_BASE_INDEX, type EventStream } from '../shapes/stream.ts'
import { isHalf, isLater, type Unanswered } from './projection-halves.ts'
import { verdictOf, type Seen } from './projection-verdict.ts'
import type { WorstFault } from './promise.ts'
import type { IndexBits } from './index-bits.ts'
import type { SentEvents } from './sent-events.ts'

export interface ProjectionAuditOptions {
  readonly projection: Projection
  readonly stream: EventStream
  /** Absent: preloaded rows come from `stream`. */
  readonly preloadStream?: EventStream
  /** What must be shown: of `acknowledged` nothing is excused. */
  readonly sent: SentEvents
  /** Acknowledged, and taken back by a fault as promised. Absent: nothing was. */
  readonly excused?: IndexBits
  /** What the store that is written with it gives out. Absent: it is written alone. */
  readonly storedBeside?: IndexBits
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

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

const NOTHING_SEEN: Seen = {
  dueKeys: 0,
  shownKeys: 0,
  missingKeys: 0,
  behindKeys: 0,
  wrongKeys: 0,
  foreignKeys: 0,
  halfKeys: 0,
}

const COUNTS = Object.keys(NOTHING_SEEN) as (keyof Seen)[]

export async function auditProjection(options: ProjectionAuditOptions): Promise<ProjectionAudit> {
  const { projection, listLimit = LIST_LIMIT, signal } = options
  const late = await readAgain(signal, async () => (await projection.caughtUp?.(signal)) ?? null)
  if (late === null) return await compared(options)
  return {
    projection: projection.name,
    ...NOTHING_SEEN,
    compared: false,
    mismatches: [],
    listLimit,
    verdict: 'broken',
    because: `${late}.`,
  }
}

async function compared(options: ProjectionAuditOptions): Promise<ProjectionAudit> {
  const { projection, promise, worstFault = 'none', listLimit = LIST_LIMIT, signal } = options
  const seen: Mutable<Seen> = { ...NOTHING_SEEN }
  let excusedKeys = 0
  const mismatches: string[] = []
  let parts = 1
  for (let part = 0; part < parts; part++) {
    // What is due is used up by comparing: a reading that was cut short begins with that again.
    const found = await readAgain(signal, () => comparedPart(options, part, parts))
    parts = found.parts
    excusedKeys += found.excusedKeys
    for (const count of COUNTS) seen[count] += found.seen[count]
    mismatches.push(...found.mismatches.slice(0, listLimit - mismatches.length))
  }
  return {
    projection: projection.name,
    ...seen,
    ...(options.excused === undefined ? {} : { excusedKeys }),
    mismatches,
    listLimit,
    ...verdictOf(
      { ...seen, excusedKeys },
      { promise, worstFault, isBounded: options.excused !== undefined },
    ),
  }
}

interface PartFound {
  readonly parts: number
  readonly seen: Seen
  readonly excusedKeys: number
  readonly mismatches: readonly string[]
}

async function comparedPart(
  options: ProjectionAuditOptions,
  part: number,
  partsBefore: number,
): Promise<PartFound> {
  const { projection, listLimit = LIST_LIMIT, signal } = options
  const seen: Mutable<Seen> = { ...NOTHING_SEEN }
  let excusedKeys = 0
  const mismatches: string[] = []
  const note = (count: keyof Seen, words: string, isExcused = false): void => {
    seen[count]++
    if (isExcused) excusedKeys++
    if (mismatches.length < listLimit) mismatches.push(words)
  }
  const due = await dueIn(options, part, partsBefore)
  const { parts } = due
  seen.dueKeys = due.latest.size
  const settled = new Set<string>()
  for await (const rows of projection.rows(signal)) {
    for (const row of rows) {
      if (partOf(row.key, parts) !== part) continue
      seen.shownKeys++
      compare(row, due, note)
      const unanswered = due.unknown.get(row.key)
      if (unanswered === undefined) continue
      settled.add(row.key)
      if (isHalf(row, unanswered))
        note('halfKeys', `${row.key}: shows ${row.version}, not as stored beside it`)
    }
  }
  for (const [key, unanswered] of due.unknown) {
    if (!settled.has(key) && isHalf(null, unanswered))
      note('halfKeys', `${key}: not shown, and stored beside it`)
  }
  for (const [key, { version }] of due.latest) {
    note('missingKeys', `${key}: not shown, due is ${version}`)
    due.takenBack.delete(key)
  }
  for (const [key, { version }] of due.takenBack) {
    note('missingKeys', `${key}: not shown, acknowledged was ${version}`, true)
  }
  return { parts, seen, excusedKeys, mismatches }
}

/** What one part of the keys must show, and may. */
interface Due {
  readonly parts: number
  /** Of acknowledged and preloaded events; a key is taken out once it is seen shown. */
  readonly latest: Map<string, Shown>
  /** The latest of events that a fault took back, where it is later than what is due; taken out as above. */
  readonly takenBack: Map<string, Shown>
  /** Of events that may be shown or not and are later than what is due, by key. */
  readonly unknown: ReadonlyMap<string, readonly Unanswered[]>
}

/** The number of parts is found with the first one: it doubles until that fits. */
async function dueIn(
  { projection, stream, sent, excused, storedBeside, signal, ...options }: ProjectionAuditOptions,
  part: number,
  partsBefore: number,
): Promise<Due> {
  const { preloadStream = stream, preloadedRows, keysMax = KEYS_MAX } = options
  const latest = new Map<string, Shown>()
  const takenBack = new Map<string, Shown>()
  const unknown = new Map<string, Unanswered[]>()
  const shown = shownOf(projection)
  let parts = partsBefore
  let unknownEvents = 0
  const isHere = (event: Shown | null): event is Shown =>
    event !== null && partOf(event.key, parts) === part
  const keepWithin = (): void => {
    if (part > 0 || latest.size + unknownEvents <= keysMax) return
    parts *= 2
    for (const keys of [latest, takenBack, unknown])
      for (const key of keys.keys()) if (partOf(key, parts) !== part) keys.delete(key)
    unknownEvents = 0
    for (const events of unknown.values()) unknownEvents += events.length
  }
  const take = (event: Shown | null): void => {
    if (!isHere(event)) return
    keepLatest(latest, event)
    keepWithin()
  }
  const allow = (event: Unanswered): void => {
    const events = unknown.get(event.key)
    if (events === undefined) unknown.set(event.key, [event])
    else events.push(event)
    unknownEvents++
    keepWithin()
  }
  /** What is older than what is due must not be shown whatever became of it. */
  const isLate = (event: Shown): boolean => {
    const due = latest.get(event.key)
    return due === undefined || isLater(event, due)
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
    if (isHere(event) && isLate(event))
      allow({ ...event, storedBeside: storedBeside?.has(index) ?? null })
  })
  await each(excused?.indexes() ?? [], (index) => {
    const event = shown(stream, index)
    if (!isHere(event) || !isLate(event)) return
    keepLatest(takenBack, event)
    // What was acknowledged is no half of a request: its loss is counted.
    allow({ ...event, storedBeside: null })
  })
  return { parts, latest, takenBack, unknown }
}

function keepLatest(keys: Map<string, Shown>, event: Shown): void {
  const known = keys.get(event.key)
  if (known === undefined || isLater(event, known)) keys.set(event.key, event)
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
  { latest, takenBack, unknown }: Due,
  note: (count: keyof Seen, words: string, isExcused?: boolean) => void,
): void {
  const due = latest.get(row.key)
  const lost = takenBack.get(row.key)
  latest.delete(row.key)
  takenBack.delete(row.key)
  const says = `${row.key}: shows ${row.version}`
  if (due !== undefined && row.version !== due.version && !isLater(row, due)) {
    note('behindKeys', `${says}, due is ${due.version}`)
    return
  }
  const sent = [due, ...(unknown.get(row.key) ?? [])].find((one) => one?.version === row.version)
  if (sent === undefined) {
    note('foreignKeys', `${says}, which nobody was told is stored`)
  } else if (sent.value !== row.value) {
    note('wrongKeys', `${says} with ${row.value}, sent was ${sent.value}`)
  } else if (lost !== undefined && isLater(lost, row)) {
    note('behindKeys', `${says}, acknowledged was ${lost.version}`, true)
  }
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
