/** Bulk roads into the stores from Node beside the engines' own clients: COPY, COPY through staging, JSONEachRow. */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { IngestEvent } from '../reference-impl/service-kit/event.ts'
import { clientConfig } from '../reference-impl/service-kit/postgres/connection.ts'
import { Lanes } from '../reference-impl/service-kit/postgres/lanes.ts'
import { copyRows } from '../reference-impl/service-kit/postgres/row-text.ts'
import {
  copyStatement,
  CREATE_STAGING,
  eventStatements,
} from '../reference-impl/service-kit/postgres/statements.ts'
import { PostgresWriter } from '../reference-impl/service-kit/postgres/writer.ts'
import { applySchema } from '../reference-impl/service-kit/schema-script.ts'
import type { RunningEngine } from '../src/engines/engine.ts'
import { silentLog } from '../src/kit/log.ts'
import { BILLING_COLUMNS } from '../src/shapes/billing/columns.ts'
import type { BenchOptions, BenchRow } from './bench-row.ts'
import { clickhouseRow } from './bulk-clickhouse.ts'
import type { Rig } from './bulk-rig.ts'
import { ROWS, bulkRow, startRig, writtenPerS } from './bulk-rig.ts'
import { isInstalled, psqlSeconds } from './command.ts'
import type { Sides } from './quiet-rounds.ts'
import { benchStream, copyChunks, writeCopyFile, parsedEvents } from './rows.ts'

const CHUNK_ROWS = 1_000
const COPY = `COPY events (${BILLING_COLUMNS.copy.join(', ')}) FROM STDIN`

export async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  return [...(await postgresRows(options)), await clickhouseRow(options)]
}

async function postgresRows(options: BenchOptions): Promise<readonly BenchRow[]> {
  await using rig = await startRig('postgres', options.signal)
  await applySchema(rig.engine, 'service-kit/postgres/events.sql', {
    variant: 'default',
    signal: options.signal,
  })
  const direct = await bulkRow(
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
  const staged = await bulkRow(
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

async function copySides(
  { engine, dir }: Rig<'postgres'>,
  { signal }: BenchOptions,
): Promise<Sides> {
  const file = join(dir, 'events.copy')
  await writeCopyFile(file, ROWS)
  const address = engine.addressFor('harness')
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
  const command = `\\copy events (${BILLING_COLUMNS.copy.join(', ')}) FROM '${file}'`
  const peer = async (): Promise<number> => {
    await emptied(engine, signal)
    return ROWS / (await psqlSeconds(['-c', command], address, signal))
  }
  return { ours, peer: isInstalled('psql') ? peer : null }
}

const STATEMENTS = eventStatements({ identity: 'first-wins', relaxed: false })

async function stagedSides(
  { engine, dir }: Rig<'postgres'>,
  { signal }: BenchOptions,
): Promise<Sides> {
  const events = parsedEvents(await benchStream(1), ROWS)
  const address = engine.addressFor('harness')
  const file = join(dir, 'staged.sql')
  await writeStagedScript(file, events)
  const ours = async (): Promise<number> => {
    await emptied(engine, signal)
    await using writer = new PostgresWriter(new Lanes(address, { name: 'bench', log: silentLog }), {
      method: 'copy',
      copyFromRows: CHUNK_ROWS,
      statements: STATEMENTS,
      prepared: true,
      references: null,
    })
    return await writtenPerS(writer, events, CHUNK_ROWS)
  }
  const peer = async (): Promise<number> => {
    await emptied(engine, signal)
    return ROWS / (await psqlSeconds(['-f', file], address, signal))
  }
  return { ours, peer: isInstalled('psql') ? peer : null }
}

/** What the service's writer says, as a script with its data in line. */
async function writeStagedScript(file: string, events: readonly IngestEvent[]): Promise<void> {
  await using script = await open(file, 'w', 0o644)
  await script.write(`${CREATE_STAGING};\n`)
  await script.write(`PREPARE insert_staged AS ${STATEMENTS.insertStaged ?? ''};\n`)
  for (let from = 0; from < events.length; from += CHUNK_ROWS) {
    const rows = copyRows(events.slice(from, from + CHUNK_ROWS), 'staging')
    const copy = copyStatement('staging', 'text')
    await script.write(`BEGIN;\n${copy};\n${rows}\\.\nEXECUTE insert_staged;\nCOMMIT;\n`)
  }
}

async function emptied(engine: RunningEngine<'postgres'>, signal: AbortSignal): Promise<void> {
  await engine.control.execute('TRUNCATE events', signal)
  await engine.control.checkpoint(signal)
}
