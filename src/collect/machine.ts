/** What a run was measured on. In: the data folder. Out: the machine as a record keeps it, with a fingerprint. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { arch, availableParallelism, cpus, release, totalmem, type } from 'node:os'
import { freeBytes, measureFsyncP50Us } from '../kit/disk.ts'
import { messageOf } from '../kit/errors.ts'
import type { Log } from '../kit/log.ts'
import type { Machine } from '../results/record.ts'

/** Measures the disk's fsync once (64 pages) and describes the rest. @param dataDir null where the data lies elsewhere */
export async function machine(dataDir: string | null, log: Log): Promise<Machine> {
  if (dataDir === null) {
    log('fsync latency is not measured: the data lies on a disk that is not seen from here')
    return describeMachine(null)
  }
  let fsyncP50Us: number | null = null
  try {
    fsyncP50Us = Math.round(measureFsyncP50Us(dataDir) * 10) / 10
  } catch (error) {
    log(`fsync latency of ${dataDir} is not known: ${messageOf(error)}`)
  }
  return { ...describeMachine(fsyncP50Us), dataDiskFreeBytes: await freeBytes(dataDir) }
}

export function describeMachine(fsyncP50Us: number | null): Machine {
  const hardware = {
    cpu: cpus()[0]?.model.trim().replace(/\s+/g, ' ') ?? 'unknown',
    cores: coresAllowed(),
    memoryBytes: memoryBytes(),
    os: operatingSystem(),
    node: process.version,
  }
  // The fsync latency differs from one measurement to the next; the machine does not.
  const fingerprint = createHash('sha256').update(JSON.stringify(hardware)).digest('hex')
  return { ...hardware, fsyncP50Us, fingerprint: fingerprint.slice(0, 16) }
}

/** Cores this process may use: a container's CPU quota (cgroup v2) where there is one below the machine's cores. */
export function coresAllowed(): number {
  const quota = parseCpuMax(textOf(join('/sys/fs/cgroup', ownCgroup(), 'cpu.max')))
  return Math.min(availableParallelism(), quota ?? Infinity)
}

/** `200000 100000` is two cores, `max 100000` is no limit. */
export function parseCpuMax(text: string): number | null {
  const match = /^(\d+) (\d+)/.exec(text)
  return match === null ? null : Number(match[1]) / Number(match[2])
}

function ownCgroup(): string {
  return /^0::(.*)$/m.exec(textOf('/proc/self/cgroup'))?.[1] ?? '/'
}

/** Empty where the kernel or the distribution has no such file. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** A container's limit where there is one below the machine's memory. */
function memoryBytes(): number {
  const constrained = process.constrainedMemory()
  return constrained > 0 && constrained < totalmem() ? constrained : totalmem()
}

function operatingSystem(): string {
  const kernel = `${type()} ${release()} ${arch()}`
  const name = /^PRETTY_NAME="?([^"\n]+)"?$/m.exec(textOf('/etc/os-release'))?.[1]
  return name === undefined ? kernel : `${name}, ${kernel}`
}
