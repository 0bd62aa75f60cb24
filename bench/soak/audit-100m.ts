/**
 * The audit of very many ids against a store that makes up its rows as it is read. In: how many events. Out: what it
 * took; throws when the audit misses one of the faults that were put in, or counts one too many.
 */
import { rm, mkdtemp, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { auditRun } from '../../src/audit/audit.ts'
import { openOutcomes } from '../../src/audit/outcomes.ts'
import { OUTCOME_CODES, OUTCOME_RECORD_BYTES } from '../../src/drive/job.ts'
import type { Store, StoredRows } from '../../src/engines/engine.ts'
import { assert } from '../../src/kit/errors.ts'
import { Scope } from '../../src/kit/scope.ts'
import type { Audit } from '../../src/results/audit-record.ts'
import { EventPopulation } from '../../src/scenario/scenario.ts'
import { generateStream } from '../../src/shapes/billing/generated.ts'
import type { EventStream } from '../../src/shapes/stream.ts'

export const SOAK_EVENTS = 100_000_000
/** What issue 3 allows for a hundred million ids. */
export const SOAK_RSS_BYTES_MAX = 512e6

const BATCH_EVENTS = 100
const BATCH_ROWS = 8_192
/** Every so many events one is lost, stored twice, or stored with another value. */
const LOST_EVERY = 1_000_003
const TWICE_EVERY = 700_001
const DIVERGED_EVERY = 900_007

export interface AuditSoakOptions {
  readonly events: number
  readonly signal: AbortSignal
  readonly log: (line: string) => void
}

export interface AuditSoakResult {
  readonly events: number
  readonly seconds: number
  /** Both passes: raw rows and readable rows. */
  readonly rowsPerS: number
  readonly maxRssBytes: number
}

/** Measures the process it runs in: start it in one of its own. */
export async function runAuditSoak(options: AuditSoakOptions): Promise<AuditSoakResult> {
  await using scope = new Scope()
  const folder = await mkdtemp(join(tmpdir(), 'headroom-audit-soak-'))
  scope.defer(() => rm(folder, { recursive: true, force: true }))

  const events = options.events - (options.events % BATCH_EVENTS)
  const stream = generateStream(
    { source: 'generated', shape: 'billing', seed: 42, events: EventPopulation.parse({}) },
    (index) => 1_767_225_600_000 + index * 0.1,
  )
  const outcomesFile = join(folder, 'outcomes.bin')
  await writeOutcomes(outcomesFile, events / BATCH_EVENTS)
  const exceptionsFile = join(folder, 'exceptions.ndjson')
  const outcomes = await openOutcomes({ outcomesFile, exceptionsFile, batchEvents: BATCH_EVENTS })
  const startMs = performance.now()
  const audit = await auditRun({
    stores: [syntheticStore(stream, events, options)],
    promises: [
      {
        store: 'synthetic',
        survives: 'process-kill',
        delivery: 'exactly-once',
        readAfterAck: 'at-once',
        duplicates: 'one-row',
      },
    ],
    stream,
    outcomes,
    preloadedRows: 0,
    signal: options.signal,
  })
  check(audit, events)
  const seconds = (performance.now() - startMs) / 1_000
  const maxRssBytes = process.resourceUsage().maxRSS * 1024
  return { events, seconds, rowsPerS: (2 * events) / seconds, maxRssBytes }
}

async function writeOutcomes(file: string, requests: number): Promise<void> {
  const records = Buffer.alloc(BATCH_ROWS * OUTCOME_RECORD_BYTES)
  for (let record = 0; record < BATCH_ROWS; record++) {
    records.writeUInt8(OUTCOME_CODES.accepted, record * OUTCOME_RECORD_BYTES)
  }
  const handle = await open(file, 'w')
  try {
    for (let from = 0; from < requests; from += BATCH_ROWS) {
      await handle.write(records, 0, Math.min(BATCH_ROWS, requests - from) * OUTCOME_RECORD_BYTES)
    }
  } finally {
    await handle.close()
  }
}

type AuditedStore = Pick<Store, 'name' | 'rows' | 'readable' | 'totals'>

function syntheticStore(
  stream: EventStream,
  events: number,
  { log }: Pick<AuditSoakOptions, 'log'>,
): AuditedStore {
  let readings = 0
  const totals = { rows: 0, value64Sum: 0n, rowsByOrganization: new Map<string, number>() }
  const read = async function* (): AsyncGenerator<StoredRows> {
    const counting = ++readings === 1
    for (let from = 0; from < events; from += BATCH_ROWS) {
      const batch = batchOf(stream, from, Math.min(from + BATCH_ROWS, events))
      if (counting) countInto(totals, batch)
      if (from % (BATCH_ROWS * 1_024) === 0) log(`audit soak: row ${from.toLocaleString('en')}`)
      await Promise.resolve()
      yield batch
    }
  }
  return {
    name: 'synthetic',
    rows: read,
    readable: read,
    totals: () => Promise.resolve({ ...totals, distinctIds: totals.rows }),
  }
}

function batchOf(stream: EventStream, from: number, to: number): StoredRows {
  const ids: string[] = []
  const sources: string[] = []
  const values: number[] = []
  for (let index = from; index < to; index++) {
    if (index % LOST_EVERY === 1) continue
    const copies = index % TWICE_EVERY === 2 ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      ids.push(stream.idOf(index))
      sources.push(stream.sourceOf(index))
      values.push(stream.valueAt(index) + (index % DIVERGED_EVERY === 3 ? 1 : 0))
    }
  }
  return { ids, sources, values: Float64Array.from(values) }
}

function countInto(
  totals: { rows: number; value64Sum: bigint; rowsByOrganization: Map<string, number> },
  batch: StoredRows,
): void {
  let value64Sum = 0
  batch.values.forEach((value, row) => {
    const source = batch.sources[row] ?? ''
    value64Sum += value * 64
    totals.rowsByOrganization.set(source, (totals.rowsByOrganization.get(source) ?? 0) + 1)
  })
  totals.rows += batch.ids.length
  totals.value64Sum += BigInt(value64Sum)
}

function check(audit: Audit, events: number): void {
  const [store] = audit.stores
  assert(store !== undefined, 'one store was audited')
  const every = (step: number, first: number): number =>
    events <= first ? 0 : Math.floor((events - 1 - first) / step) + 1
  assert(store.acceptedEvents === events, `accepted ${String(store.acceptedEvents)}`)
  assert(store.lostEvents === every(LOST_EVERY, 1), `lost ${String(store.lostEvents)}`)
  assert(store.duplicatedRows === every(TWICE_EVERY, 2), `twice ${String(store.duplicatedRows)}`)
  assert(store.divergedEvents === every(DIVERGED_EVERY, 3), `other ${String(store.divergedEvents)}`)
  assert(!store.because.includes('own total'), store.because)
}

// Started as a program: the number of events may be given.
if (process.argv[1] === import.meta.filename) {
  const result = await runAuditSoak({
    events: Number(process.argv[2] ?? SOAK_EVENTS),
    signal: AbortSignal.timeout(3_600_000),
    log: (line) => process.stderr.write(`${line}\n`),
  })
  process.stdout.write(`${JSON.stringify(result)}\n`)
  assert(result.maxRssBytes <= SOAK_RSS_BYTES_MAX, 'the audit stays within 512 MB')
}
