/** Bulk roads into the stores from Node beside the engines' own clients: COPY, COPY through staging, JSONEachRow. */
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { openClient } from '../reference-impl/service-kit/clickhouse/connection.ts'
import { ClickHouseWriter, RAW_TABLE } from '../reference-impl/service-kit/clickhouse/writer.ts'
import { Deadline } from '../reference-impl/service-kit/deadline.ts'
import { clientConfig } from '../reference-impl/service-kit/postgres/connection.ts'
import { Lanes } from '../reference-impl/service-kit/postgres/lanes.ts'
import { copyRows } from '../reference-impl/service-kit/postgres/row-text.ts'
import {
  COPY_STAGING,
  CREATE_STAGING,
  INSERT_STAGED,
} from '../reference-impl/service-kit/postgres/statements.ts'
import { PostgresWriter } from '../reference-impl/service-kit/postgres/writer.ts'
import type { IngestEvent } from '../reference-impl/service-kit/event.ts'
import type { BatchWriter } from '../reference-impl/service-kit/written.ts'
import { applySchema } from '../reference-impl/service-kit/schema-script.ts'
import type { ClickHouseAddress, EngineKind, RunningEngine } from '../src/engines/engine.ts'
import { startEngine } from '../src/engines/registry.ts'
import { silentLog } from '../src/kit/log.ts'
import { Scope } from '../src/kit/scope.ts'
import { COPY_COLUMNS } from '../src/shapes/stream.ts'
import type { BenchOptions, BenchRow } from './bench-row.ts'
import { isInstalled, libpqEnv, runCommand } from './command.ts'
import type { Sides } from './quiet-rounds.ts'
import { quietRounds } from './quiet-rounds.ts'
import { benchStream, copyChunks, parsedEvents, writeCopyFile } from './rows.ts'

const ROWS = 200_000
const CHUNK_ROWS = 1_000
const INSERT_ROWS = 10_000
const COPY = `COPY events (${COPY_COLUMNS.join(', ')}) FROM STDIN`

interface Rig<Kind extends EngineKind> extends AsyncDisposable {
  readonly engine: RunningEngine<Kind>
  readonly dir: string
}

interface Bar {
  readonly what: string
  readonly peerName: string
  readonly reach: number
  readonly bottleneck: string
}

export async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  return [...(await postgresRows(options)), await clickhouseRow(options)]
}

async function postgresRows(options: BenchOptions): Promise<readonly BenchRow[]> {
  await using rig = await startRig('postgres', options.signal)
  await applySchema(rig.engine, 'pg-batch/schema.sql', {
    variant: 'default',
    signal: options.signal,
  })
  const direct = await row(
    options,
    {
      what: 'COPY of 1,000-row chunks from Node',
      peerName: 'psql \\copy of the same rows, one transaction',
      reach: 0.85,
      bottleneck:
        'a round trip and a commit per chunk on one connection, and rows made while it waits',
    },
    await copySides(rig, options),
  )
  const staged = await row(
    options,
    {
      what: 'COPY of 1,000 rows through staging, ON CONFLICT, from Node',
      peerName: 'psql through staging, the same chunks and transactions',
      reach: 0.8,
      bottleneck: 'COPY text is made and the table is written in turn on one connection',
    },
    await stagedSides(rig, options),
  )
  return [direct, staged]
}

async function row(options: BenchOptions, bar: Bar, sides: Sides): Promise<BenchRow> {
  await sides.ours()
  await sides.peer?.()
  const { quiet, conditions, ...compared } = await quietRounds(options, sides)
  const met = compared.ratio === null || !quiet ? null : compared.ratio.mid >= bar.reach
  const notes = [
    sides.peer === null ? 'the peer is not installed' : null,
    met === false ? `the bottleneck: ${bar.bottleneck}` : null,
    conditions,
  ]
  return {
    what: bar.what,
    ...compared,
    peerName: bar.peerName,
    unit: 'rows/s',
    bar: `≥ ${bar.reach} ×`,
    met,
    note: notes.filter((note) => note !== null).join('; '),
  }
}

async function copySides(
  { engine, dir }: Rig<'postgres'>,
  { signal }: BenchOptions,
): Promise<Sides> {
  const file = join(dir, 'events.copy')
  await writeCopyFile(file, ROWS)
  const address = engine.addressFor('harness')
  const env = libpqEnv(address)
  const stream = await benchStream(1)
  const ours = async (): Promise<number> => {
    await emptied(engine, signal)
    const client = new pg.Client(clientConfig(address, 'bench'))
    await client.connect()
    const startedMs = performance.now()
    for (const chunk of copyChunks(stream, ROWS)) {
      await pipeline(Readable.from([chunk]), client.query(copyFrom(COPY)))
    }
    const perS = (ROWS * 1_000) / (performance.now() - startedMs)
    await client.end()
    return perS
  }
  const command = `\\copy events (${COPY_COLUMNS.join(', ')}) FROM '${file}'`
  const peer = async (): Promise<number> => {
    await emptied(engine, signal)
    return ROWS / (await runCommand('psql', psqlArgs('-c', command), { env, signal })).seconds
  }
  return { ours, peer: isInstalled('psql') ? peer : null }
}

async function stagedSides(
  { engine, dir }: Rig<'postgres'>,
  { signal }: BenchOptions,
): Promise<Sides> {
  const events = parsedEvents(await benchStream(1), ROWS)
  const address = engine.addressFor('harness')
  const file = join(dir, 'staged.sql')
  await writeStagedScript(file, events)
  const env = libpqEnv(address)
  const ours = async (): Promise<number> => {
    await emptied(engine, signal)
    await using writer = new PostgresWriter(new Lanes(address, { name: 'bench', log: silentLog }), {
      method: 'copy',
      copyFromRows: CHUNK_ROWS,
    })
    return await writtenPerS(writer, events, CHUNK_ROWS)
  }
  const peer = async (): Promise<number> => {
    await emptied(engine, signal)
    return ROWS / (await runCommand('psql', psqlArgs('-f', file), { env, signal })).seconds
  }
  return { ours, peer: isInstalled('psql') ? peer : null }
}

/** What the service's writer says, as a script with its data in line. */
async function writeStagedScript(file: string, events: readonly IngestEvent[]): Promise<void> {
  await using script = await open(file, 'w', 0o644)
  await script.write(`${CREATE_STAGING};\n`)
  await script.write(`PREPARE insert_staged AS ${INSERT_STAGED};\n`)
  for (let from = 0; from < events.length; from += CHUNK_ROWS) {
    const rows = copyRows(events.slice(from, from + CHUNK_ROWS))
    await script.write(`BEGIN;\n${COPY_STAGING};\n${rows}\\.\nEXECUTE insert_staged;\nCOMMIT;\n`)
  }
}

async function clickhouseRow(options: BenchOptions): Promise<BenchRow> {
  const { signal } = options
  await using rig = await startRig('clickhouse', signal)
  const { engine, dir } = rig
  await applySchema(engine, 'clickhouse-direct/schema.sql', { variant: 'default', signal })
  const address = engine.addressFor('service')
  const events = parsedEvents(await benchStream(1), ROWS)
  const truncated = (): Promise<void> =>
    engine.control.execute(`TRUNCATE TABLE ${RAW_TABLE}`, signal)
  const client = openClient(address, { name: 'bench', connections: 1, timeoutMs: 60_000 })
  await using writer = new ClickHouseWriter(client, { attemptsMax: 1 })
  const ours = async (): Promise<number> => {
    await truncated()
    return await writtenPerS(writer, events, INSERT_ROWS)
  }
  const config = await writeCurlConfig({ dir, address, events })
  const peer = async (): Promise<number> => {
    await truncated()
    const { seconds } = await runCommand('curl', ['-sS', '-K', config], { signal })
    return ROWS / seconds
  }
  return await row(
    options,
    {
      what: `JSONEachRow insert from Node, ${INSERT_ROWS.toLocaleString('en')} rows at a time`,
      peerName: 'curl posting the same rows to the same engine over one connection',
      reach: 0.7,
      bottleneck: 'objects become JSON text in one thread while the engine waits',
    },
    { ours, peer: isInstalled('curl') ? peer : null },
  )
}

/** The same rows and settings as the writer's, one transfer per insert; user and password stay out of the arguments. */
async function writeCurlConfig(posted: {
  readonly dir: string
  readonly address: ClickHouseAddress
  readonly events: readonly IngestEvent[]
}): Promise<string> {
  const { dir, address, events } = posted
  const url = new URL(address.url)
  url.search = new URLSearchParams({
    database: address.database,
    query: `INSERT INTO ${RAW_TABLE} FORMAT JSONEachRow`,
    async_insert: '0',
    wait_end_of_query: '1',
    date_time_input_format: 'best_effort',
    insert_deduplicate: '0',
  }).toString()
  const transfers: string[] = []
  for (let from = 0; from < events.length; from += INSERT_ROWS) {
    const body = join(dir, `insert-${from}.json`)
    await writeFile(
      body,
      events
        .slice(from, from + INSERT_ROWS)
        .map(jsonRow)
        .join('\n'),
    )
    transfers.push(
      [
        `url = "${url.href}"`,
        `data-binary = "@${body}"`,
        `header = "X-ClickHouse-User: ${address.user}"`,
        ...(address.password === undefined
          ? []
          : [`header = "X-ClickHouse-Key: ${address.password}"`]),
        'header = "Expect:"',
        'fail',
      ].join('\n'),
    )
  }
  const config = join(dir, 'curl.config')
  await writeFile(config, transfers.join('\nnext\n'), { mode: 0o600 })
  return config
}

function jsonRow(event: IngestEvent): string {
  return JSON.stringify({
    organization_id: event.organizationId,
    transaction_id: event.transactionId,
    external_customer_id: event.externalCustomerId,
    code: event.code,
    timestamp: event.timestamp,
    properties: event.properties,
    value: event.value === null ? null : Number(event.value),
    decimal_value: event.value,
  })
}

/** @throws Error when a batch was not stored whole */
async function writtenPerS(
  writer: BatchWriter,
  events: readonly IngestEvent[],
  batchRows: number,
): Promise<number> {
  const startedMs = performance.now()
  for (let from = 0; from < events.length; from += batchRows) {
    const batch = events.slice(from, from + batchRows)
    const written = await writer.write(batch, new Deadline(Infinity))
    if (written.state !== 'stored' || written.duplicates.length > 0) {
      throw new Error(`a batch was not stored: ${JSON.stringify(written)}`)
    }
  }
  return (events.length * 1_000) / (performance.now() - startedMs)
}

async function emptied(engine: RunningEngine<'postgres'>, signal: AbortSignal): Promise<void> {
  await engine.control.execute('TRUNCATE events', signal)
  await engine.control.checkpoint(signal)
}

function psqlArgs(flag: '-c' | '-f', what: string): readonly string[] {
  return ['-X', '-q', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', flag, what]
}

async function startRig<Kind extends EngineKind>(
  kind: Kind,
  signal: AbortSignal,
): Promise<Rig<Kind>> {
  await using scope = new Scope()
  const dir = await mkdtemp(join(tmpdir(), 'headroom-bench-'))
  scope.defer(() => rm(dir, { recursive: true, force: true }))
  const [dataDir, logDir] = [join(dir, 'data'), join(dir, 'logs')]
  await Promise.all([mkdir(dataDir), mkdir(logDir)])
  const context = { dataDir, logDir, name: kind, runId: 'bench', signal, log: silentLog }
  const engine = scope.use(await startEngine(kind, { provider: 'embedded', settings: {} }, context))
  const owned = scope.move()
  return { engine, dir, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() }
}
