/**
 * Attribute writes from Node into staging, projection and time series, beside psql copying the same rows through the same
 * staging. Both end when every row is in the time series; rates are of rows there.
 */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { EAV_DOOR, type AttributeWrite } from '../reference-impl/service-kit/eav/door.ts'
import { Flusher } from '../reference-impl/service-kit/eav/flusher.ts'
import { StagingWriter } from '../reference-impl/service-kit/eav/staging-writer.ts'
import { COPY_STAGING, PROJECT_STAGED } from '../reference-impl/service-kit/eav/statements.ts'
import { Lanes } from '../reference-impl/service-kit/postgres/lanes.ts'
import { applySchema } from '../reference-impl/service-kit/schema-script.ts'
import type { RunningEngine } from '../src/engines/engine.ts'
import { silentLog } from '../src/kit/log.ts'
import { EventPopulation } from '../src/scenario/scenario.ts'
import { openStream } from '../src/shapes/open-stream.ts'
import type { EventStream } from '../src/shapes/stream.ts'
import type { BenchOptions, BenchRow } from './bench-row.ts'
import type { Bar, Rig } from './bulk-rig.ts'
import { bulkRow, ROWS, startRig, writtenPerS } from './bulk-rig.ts'
import { isInstalled, psqlSeconds } from './command.ts'
import type { Sides } from './quiet-rounds.ts'
import { copyChunks } from './rows.ts'

const EVENT_EPOCH_MS = Date.UTC(2026, 0, 1)
const BATCH_ROWS = 1_000
const FLUSHER = {
  flush: 'delete-returning',
  flushMs: 100,
  vacuumEveryFlushes: 20,
  retainPartitions: null,
} as const
const NO_CACHE = { put: () => Promise.resolve(), forget: () => undefined, databaseLosses: 0 }

/** Goals written down in docs/speed.md before anything was measured. */
const CASES: readonly (Bar & { readonly criticalRatio: number })[] = [
  {
    what: 'attribute writes through staging, none critical',
    peerName: 'psql \\copy of the same rows, one flush',
    reach: 0.7,
    criticalRatio: 0,
    bottleneck: 'a flush every 100 ms shares two cores with COPY, where psql flushes once',
  },
  {
    what: 'attribute writes through staging, 30 % critical',
    peerName: 'psql \\copy of the same rows, projected once, one flush',
    reach: 0.4,
    criticalRatio: 0.3,
    bottleneck: 'the projection: one upsert per batch of 1,000, where psql makes one for all rows',
  },
]

export async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  await using rig = await startRig('postgres', options.signal)
  await applySchema(rig.engine, 'eav/schema.sql', {
    variant: 'default',
    parts: ['unlogged', 'dedup'],
    signal: options.signal,
  })
  await rig.engine.control.execute(`INSERT INTO eav_layout VALUES ('month', 1)`, options.signal)
  const rows: BenchRow[] = []
  for (const { criticalRatio, ...bar } of CASES) {
    rows.push(await bulkRow(options, bar, await sidesOf(rig, criticalRatio, options)))
  }
  return rows
}

async function sidesOf(
  { engine, dir }: Rig<'postgres'>,
  criticalRatio: number,
  { signal }: BenchOptions,
): Promise<Sides> {
  const stream = await writes(criticalRatio)
  const events = parsedWrites(stream)
  const address = engine.addressFor('harness')
  const file = join(dir, `writes-${String(criticalRatio)}.copy`)
  await writeFile(file, stream)
  const project = criticalRatio === 0 ? [] : ['-c', PROJECT_STAGED]
  const copy = `\\${COPY_STAGING.replace('COPY', 'copy').replace('STDIN', `'${file}'`)}`
  const ours = async (): Promise<number> => {
    await emptied(engine, signal)
    const flusher = new Flusher(address, FLUSHER, () => undefined)
    await flusher.open()
    const stopping = new AbortController()
    const startedMs = performance.now()
    const flushing = flusher.run(stopping.signal)
    {
      await using writer = new StagingWriter(
        new Lanes(address, { name: 'bench', log: silentLog }),
        {
          cache: NO_CACHE,
          asyncNonCritical: false,
        },
      )
      await writtenPerS(writer, events, BATCH_ROWS)
    }
    stopping.abort()
    await flushing
    await flusher.close()
    const seconds = (performance.now() - startedMs) / 1_000
    if (flusher.meter.movedRows !== ROWS || flusher.meter.repeatedRows > 0) {
      throw new Error(`${String(flusher.meter.movedRows)} of ${String(ROWS)} rows were flushed`)
    }
    return ROWS / seconds
  }
  const peer = async (): Promise<number> => {
    await emptied(engine, signal)
    const flush = ['-c', 'SELECT ensure_partitions()', ...project, '-c', 'SELECT stage_flush()']
    return ROWS / (await psqlSeconds(['-c', copy, ...flush], address, signal))
  }
  return { ours, peer: isInstalled('psql') ? peer : null }
}

async function writes(criticalRatio: number): Promise<EventStream> {
  const events = EventPopulation.parse({ payloadBytes: 250 })
  const spec = { source: 'generated', shape: 'eav', seed: 1, events } as const
  return await openStream(
    { ...spec, shapeSettings: { criticalRatio } },
    (index) => EVENT_EPOCH_MS + index / 10,
  )
}

/** As a service has them once they are parsed. */
function parsedWrites(stream: EventStream): readonly AttributeWrite[] {
  const target = Buffer.alloc(stream.maxEventBytes)
  return Array.from({ length: ROWS }, (_, index) => {
    const text = target.toString('latin1', 0, stream.writeJson(index, target, 0))
    const read = EAV_DOOR.read(JSON.parse(text))
    if (!read.ok) throw new Error(`assertion failed: the stream makes writes: ${read.reason}`)
    return read.event
  })
}

async function writeFile(file: string, stream: EventStream): Promise<void> {
  await using handle = await open(file, 'w', 0o644)
  for (const chunk of copyChunks(stream, ROWS)) await handle.write(chunk)
}

async function emptied(engine: RunningEngine<'postgres'>, signal: AbortSignal): Promise<void> {
  await engine.control.execute(
    'TRUNCATE entity_values_ingest, entity_values_ts, entity_jsonb, entities',
    signal,
  )
  await engine.control.checkpoint(signal)
}
