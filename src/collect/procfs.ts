/** Files of Linux's /proc as figures. In: their text. Out: numbers with units. Reads nothing itself but small files. */
import { readFileSync, readlinkSync, statSync } from 'node:fs'
import { basename } from 'node:path'

/** USER_HZ, the unit of CPU times in /proc, is 100 on every architecture Linux runs Node on (proc(5)). */
const TICKS_PER_S = 100
/** /proc/diskstats counts sectors of 512 bytes whatever the disk's own are (Documentation/admin-guide/iostats). */
const SECTOR_BYTES = 512

export interface ProcessTimes {
  readonly pid: number
  readonly ppid: number
  /** With the pid it names one process for ever. */
  readonly startTicks: number
  /** CPU of all its threads. */
  readonly ownS: number
  /** CPU of children it has waited for, and of theirs. */
  readonly childrenS: number
}

/** null when there is no such process. A zombie still has its times, until its parent waits for it. */
export function readProcessTimes(pid: number): ProcessTimes | null {
  const text = readOrNull(`/proc/${pid}/stat`)
  return text === null ? null : parseProcessStat(text)
}

/** pid (comm) state ppid … utime 14, stime 15, cutime 16, cstime 17, starttime 22; comm may hold anything. */
export function parseProcessStat(text: string): ProcessTimes | null {
  const open = text.indexOf('(')
  const close = text.lastIndexOf(')')
  if (open < 0 || close < 0) return null
  const field = text.slice(close + 2).split(' ')
  if (field.length < 20) return null
  const number = (index: number): number => Number(field[index - 3])
  return {
    pid: Number(text.slice(0, open)),
    ppid: number(4),
    startTicks: number(22),
    ownS: (number(14) + number(15)) / TICKS_PER_S,
    childrenS: (number(16) + number(17)) / TICKS_PER_S,
  }
}

/** Seconds of all cores together since boot. */
export interface MachineTimes {
  /** user, nice and system: what processes did. Interrupts belong to nobody and are left out. */
  readonly processS: number
  readonly interruptS: number
  readonly idleS: number
  readonly iowaitS: number
  readonly stealS: number
  readonly cores: number
}

export function readMachineTimes(): MachineTimes | null {
  const text = readOrNull('/proc/stat')
  return text === null ? null : parseMachineStat(text)
}

/** cpu user nice system idle iowait irq softirq steal guest guest_nice; guest times are part of user and nice. */
export function parseMachineStat(text: string): MachineTimes | null {
  const lines = text.split('\n')
  const total = lines.find((line) => line.startsWith('cpu '))
  if (total === undefined) return null
  const ticks = total.trim().split(/\s+/).slice(1).map(Number)
  const at = (index: number): number => (ticks[index] ?? 0) / TICKS_PER_S
  return {
    processS: at(0) + at(1) + at(2),
    idleS: at(3),
    iowaitS: at(4),
    interruptS: at(5) + at(6),
    stealS: at(7),
    cores: lines.filter((line) => /^cpu\d/.test(line)).length,
  }
}

/** Microseconds since boot in which at least one process waited; null where the kernel keeps no pressure figures. */
export function readPressureUs(resource: 'cpu' | 'io'): number | null {
  return parsePressureUs(readOrNull(`/proc/pressure/${resource}`) ?? '')
}

export function parsePressureUs(text: string): number | null {
  const total = /^some .*\btotal=(\d+)/m.exec(text)?.[1]
  return total === undefined ? null : Number(total)
}

/** The whole disk under a directory as /proc/diskstats names it; null on tmpfs, overlays and network mounts. */
export function diskOf(dir: string): string | null {
  const device = numberOfDevice(dir)
  const link = device === null ? null : readLinkOrNull(`/sys/dev/block/${device}`)
  if (link === null) return null
  const name = basename(link)
  // A partition lies below its disk: ../../devices/…/block/vda/vda1
  const parent = basename(link.slice(0, -name.length - 1))
  return readOrNull(`/sys/dev/block/${device ?? ''}/partition`) === null ? name : parent
}

/** Bytes written to a disk since boot; null when /proc/diskstats does not know it. */
export function readDiskWriteBytes(disk: string): number | null {
  return parseDiskWriteBytes(readOrNull('/proc/diskstats') ?? '', disk)
}

/** major minor name reads merged sectors ms writes merged SECTORS … */
export function parseDiskWriteBytes(text: string, disk: string): number | null {
  for (const line of text.split('\n')) {
    const field = line.trim().split(/\s+/)
    if (field[2] === disk && field[9] !== undefined) return Number(field[9]) * SECTOR_BYTES
  }
  return null
}

/** Pss or Rss in bytes from smaps_rollup or status. */
export function parseKiB(text: string, name: 'Pss' | 'VmRSS'): number | null {
  const kib = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]
  return kib === undefined ? null : Number(kib) * 1_024
}

/** major:minor of the device that holds `dir`; of the mounted source where the file system hides it (btrfs). */
function numberOfDevice(dir: string): string | null {
  const { dev } = statSync(dir)
  // glibc's gnu_dev_major and gnu_dev_minor, for the device numbers in use (12 and 20 bits).
  const major = Math.floor(dev / 256) % 4_096
  const minor = (dev % 256) + Math.floor(dev / 1_048_576) * 256
  if (major !== 0) return `${major}:${minor}`
  const source = mountSource(readOrNull('/proc/self/mountinfo') ?? '', `${major}:${minor}`)
  if (source?.startsWith('/dev/') !== true) return null
  const { rdev } = statSync(source)
  return `${Math.floor(rdev / 256) % 4_096}:${(rdev % 256) + Math.floor(rdev / 1_048_576) * 256}`
}

/** id parent major:minor root point options [optional…] - type SOURCE super-options */
export function mountSource(mountinfo: string, device: string): string | null {
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ')
    if (before?.split(' ')[2] === device) return after?.split(' ')[1] ?? null
  }
  return null
}

/** Processes end while they are read, and kernels lack files: both are an answer. */
function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

function readLinkOrNull(file: string): string | null {
  try {
    return readlinkSync(file)
  } catch {
    return null
  }
}
