/** What benches of bulk roads share: one engine alone, a writer kept busy, and a row of quiet rounds. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Deadline } from '../reference-impl/service-kit/deadline.ts'
import type { BatchWriter } from '../reference-impl/service-kit/written.ts'
import type { EngineOf, StoringKind } from '../src/engines/engine.ts'
import { startEngine } from '../src/engines/registry.ts'
import { silentLog } from '../src/kit/log.ts'
import { Scope } from '../src/kit/scope.ts'
import type { BenchOptions, BenchRow } from './bench-row.ts'
import { median } from './bench-row.ts'
import type { Sides } from './quiet-rounds.ts'
import { quietRounds } from './quiet-rounds.ts'

export const ROWS = 200_000

export interface Rig<Kind extends StoringKind> extends AsyncDisposable {
  readonly engine: EngineOf<Kind>
  readonly dir: string
}

export interface Bar {
  readonly what: string
  readonly peerName: string
  readonly reach: number
  readonly bottleneck: string
}

export async function bulkRow(options: BenchOptions, bar: Bar, sides: Sides): Promise<BenchRow> {
  const nodeCores: number[] = []
  const ours = async (): Promise<number> => {
    const before = process.cpuUsage()
    const startedMs = performance.now()
    const perS = await sides.ours()
    const { user, system } = process.cpuUsage(before)
    nodeCores.push((user + system) / 1_000 / (performance.now() - startedMs))
    return perS
  }
  await ours()
  await sides.peer?.()
  nodeCores.length = 0
  const { quiet, conditions, ...compared } = await quietRounds(options, { ...sides, ours })
  const met = compared.ratio === null || !quiet ? null : compared.ratio.mid >= bar.reach
  const isShort = compared.ratio !== null && compared.ratio.mid < bar.reach
  const notes = [
    sides.peer === null ? 'the peer is not installed' : null,
    isShort ? `the bottleneck: ${bar.bottleneck}` : null,
    `Node took ${median(nodeCores).toFixed(2)} cores`,
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

/** @throws Error when a batch was not stored whole */
export async function writtenPerS<Event>(
  writer: BatchWriter<Event>,
  events: readonly Event[],
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

export async function startRig<Kind extends StoringKind>(
  kind: Kind,
  signal: AbortSignal,
  extensions: readonly string[] = [],
): Promise<Rig<Kind>> {
  await using scope = new Scope()
  const dir = await mkdtemp(join(tmpdir(), 'headroom-bench-'))
  scope.defer(() => rm(dir, { recursive: true, force: true }))
  const [dataDir, logDir] = [join(dir, 'data'), join(dir, 'logs')]
  await Promise.all([mkdir(dataDir), mkdir(logDir)])
  const context = { dataDir, logDir, name: kind, runId: 'bench', signal, log: silentLog }
  const request = { provider: 'embedded', settings: {}, extensions } as const
  const engine = scope.use(await startEngine(kind, request, context))
  const owned = scope.move()
  return { engine, dir, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() }
}
