/**
 * The machine beside the run. In: our own parts and the data folder. Out: CPU per part, CPU of others, what the
 * hypervisor took, pressure and disk writes, all of one moment so that they can be subtracted.
 */
import { cpus } from 'node:os'
import type { Part } from '../architecture/part.ts'
import { messageOf } from '../kit/errors.ts'
import type { Log } from '../kit/log.ts'
import { PartCpu } from './parts.ts'
import type { Probe, Sample } from './probe.ts'
import { diskOf, readDiskWriteBytes, readMachineTimes, readPressureUs } from './procfs.ts'
import type { MachineTimes, ProcessTimes } from './procfs.ts'
import { readPsRows } from './ps.ts'

export interface HostProbeOptions {
  /** Everything that is ours, driver and harness included: the rest of the busy CPU is foreign. Asked every time. */
  readonly parts: () => readonly Part[]
  /** Writes are counted on the disk that holds this folder; null where engines keep their data on one that is not seen. */
  readonly dataDir: string | null
  readonly intervalMs: number
  readonly log: Log
}

export interface HostReading {
  readonly atMs: number
  readonly machine: MachineTimes
  readonly ownS: number
  readonly cpuPressureUs: number | null
  readonly ioPressureUs: number | null
}

export function hostProbe(options: HostProbeOptions): Probe {
  return process.platform === 'linux' ? linuxHost(options) : limitedHost(options)
}

function linuxHost({ parts, dataDir, intervalMs, log }: HostProbeOptions): Probe {
  const accounts = new Accounts()
  const disk = diskUnder(dataDir, log)
  let before: HostReading | null = null
  return {
    name: 'host',
    intervalMs,
    sample: () => {
      const perPart = accounts.secondsOf(parts())
      const machine = readMachineTimes()
      if (machine === null) return Promise.reject(new Error('/proc/stat cannot be read'))
      const now: HostReading = {
        atMs: performance.now(),
        machine,
        ownS: accounts.spentS(),
        cpuPressureUs: readPressureUs('cpu'),
        ioPressureUs: readPressureUs('io'),
      }
      const samples: Sample[] = [...perPart]
      if (before !== null) samples.push(...machineSamples(before, now))
      before = now
      const written = disk === null ? null : readDiskWriteBytes(disk)
      if (written !== null) samples.push({ metric: 'disk.writeBytes', label: null, value: written })
      return Promise.resolve(samples)
    },
  }
}

interface Account {
  readonly cpu: PartCpu
  /** null until a process of the part could be read: nothing is known of it, which is not 0. */
  atFirstSightS: number | null
  seconds: number
}

/** CPU accounts of parts; a part whose processes are started again keeps its account. */
class Accounts {
  readonly #byPart = new Map<Part, Account>()
  readonly #read: ((pid: number) => ProcessTimes | null) | undefined

  constructor(read?: (pid: number) => ProcessTimes | null) {
    this.#read = read
  }

  secondsOf(parts: readonly Part[]): readonly Sample[] {
    return parts.flatMap((part) => {
      const account = this.#accountOf(part)
      account.seconds = account.cpu.totalS()
      if (!account.cpu.wasSeen) return []
      account.atFirstSightS ??= account.seconds
      return [{ metric: 'cpu.seconds', label: part.name, value: account.seconds }]
    })
  }

  /** Since each part was first seen, which brings its past along; one that left takes nothing with it. */
  spentS(): number {
    let spentS = 0
    for (const { seconds, atFirstSightS } of this.#byPart.values()) {
      spentS += seconds - (atFirstSightS ?? seconds)
    }
    return spentS
  }

  #accountOf(part: Part): Account {
    const known = this.#byPart.get(part)
    if (known !== undefined) return known
    const account = { cpu: new PartCpu(part, this.#read), atFirstSightS: null, seconds: 0 }
    this.#byPart.set(part, account)
    return account
  }
}

/** What the machine did between two readings. */
export function machineSamples(before: HostReading, now: HostReading): readonly Sample[] {
  const wallS = (now.atMs - before.atMs) / 1_000
  if (wallS <= 0) return []
  const cores = (of: (times: MachineTimes) => number): number =>
    Math.max(0, of(now.machine) - of(before.machine)) / wallS
  const busyCores = cores((times) => times.processS)
  const stealCores = cores((times) => times.stealS)
  const ownCores = Math.max(0, now.ownS - before.ownS) / wallS
  const gauge = (metric: string, value: number): Sample => ({ metric, label: null, value })
  const samples = [
    gauge('machine.foreignCores', Math.max(0, busyCores - ownCores)),
    gauge('machine.stealRatio', stealCores / Math.max(1, now.machine.cores)),
    gauge(
      'machine.idleCores',
      cores((times) => times.idleS + times.iowaitS),
    ),
    gauge(
      'machine.iowaitCores',
      cores((times) => times.iowaitS),
    ),
  ]
  const pressure = (metric: string, fromUs: number | null, toUs: number | null): void => {
    if (fromUs !== null && toUs !== null) {
      samples.push(gauge(metric, Math.min(1, Math.max(0, toUs - fromUs) / 1e6 / wallS)))
    }
  }
  pressure('machine.cpuPressureRatio', before.cpuPressureUs, now.cpuPressureUs)
  pressure('machine.ioPressureRatio', before.ioPressureUs, now.ioPressureUs)
  return samples
}

function diskUnder(dataDir: string | null, log: Log): string | null {
  if (dataDir === null) {
    log('disk writes are not measured: the data lies on a disk that is not seen from here')
    return null
  }
  try {
    const disk = diskOf(dataDir)
    if (disk !== null && readDiskWriteBytes(disk) !== null) return disk
    log(
      `disk writes are not measured: ${dataDir} is not on a disk of its own (tmpfs, overlay, net)`,
    )
  } catch (error) {
    log(`disk writes are not measured: ${messageOf(error)}`)
  }
  return null
}

/** macOS and others: idle and busy cores and CPU of living processes; no steal, pressure or disk. */
function limitedHost({ parts, intervalMs, log }: HostProbeOptions): Probe {
  log(
    `on ${process.platform} the host is measured in part: no steal, pressure or disk writes, ` +
      'and CPU of processes that ended is known up to the last look only',
  )
  let rows = new Map<number, ProcessTimes>()
  const accounts = new Accounts((pid) => rows.get(pid) ?? null)
  let before: HostReading | null = null
  return {
    name: 'host',
    intervalMs,
    sample: async () => {
      const now = parts()
      const listed = await readPsRows([...new Set(now.flatMap((part) => part.pids()))])
      rows = new Map(
        listed.map(({ pid, ppid, cpuS }) => [
          pid,
          // ps tells no start in ticks: the pid alone names the process here.
          { pid, ppid, startTicks: 0, ownS: cpuS, childrenS: 0 },
        ]),
      )
      const perPart = accounts.secondsOf(now)
      const reading: HostReading = {
        atMs: performance.now(),
        machine: timesOfCpus(),
        ownS: accounts.spentS(),
        cpuPressureUs: null,
        ioPressureUs: null,
      }
      const known = before === null ? [] : machineSamples(before, reading)
      before = reading
      const named = ['machine.foreignCores', 'machine.idleCores']
      return [...perPart, ...known.filter(({ metric }) => named.includes(metric))]
    },
  }
}

function timesOfCpus(): MachineTimes {
  const all = cpus()
  const sumS = (of: (times: (typeof all)[number]['times']) => number): number =>
    all.reduce((sum, { times }) => sum + of(times), 0) / 1_000
  return {
    processS: sumS((times) => times.user + times.nice + times.sys),
    interruptS: sumS((times) => times.irq),
    idleS: sumS((times) => times.idle),
    iowaitS: 0,
    stealS: 0,
    cores: all.length,
  }
}
