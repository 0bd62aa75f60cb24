/** What the data disk can do: how much room it has, and how long it takes to make a page durable. */
import { closeSync, fdatasyncSync, openSync, statSync, unlinkSync, writeSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { HeadroomError } from './errors.ts'

const PAGE_BYTES = 8_192

/** Bytes an unprivileged process may still write on the disk that holds `path`; the path itself need not exist yet. */
export async function freeBytes(path: string): Promise<number> {
  const disk = await statfs(existingParent(path))
  return disk.bavail * disk.bsize
}

/**
 * Checks an estimate before anything is written.
 * @throws HeadroomError DISK_TOO_SMALL naming what is needed and what is there
 */
export async function requireFreeBytes(options: {
  readonly path: string
  readonly needBytes: number
  /** What the room is for: `the run`, `postgres data`. */
  readonly what: string
}): Promise<void> {
  const haveBytes = await freeBytes(options.path)
  if (haveBytes >= options.needBytes) return
  throw new HeadroomError(
    'DISK_TOO_SMALL',
    `${options.what} needs about ${gibibytes(options.needBytes)} on the disk of ${options.path}, ` +
      `which has ${gibibytes(haveBytes)} free`,
    { hint: 'free some space, choose a shorter scenario, or put the data on another disk' },
  )
}

/**
 * Median time of fdatasync after rewriting an 8 KiB page, µs. Below about 200 µs the disk (or its cache) does not
 * really wait for stable storage.
 */
export function measureFsyncP50Us(dir: string, samples = 64): number {
  const file = join(dir, `.headroom-fsync-${String(process.pid)}`)
  const page = Buffer.alloc(PAGE_BYTES, 0x5a)
  const fd = openSync(file, 'w', 0o600)
  try {
    writeSync(fd, page, 0, PAGE_BYTES, 0)
    // The first sync also allocates the block, which is not what a log that is reused pays.
    fdatasyncSync(fd)
    const tookUs: number[] = []
    for (let sample = 0; sample < samples; sample += 1) {
      page.writeUInt32LE(sample, 0)
      writeSync(fd, page, 0, PAGE_BYTES, 0)
      const from = process.hrtime.bigint()
      fdatasyncSync(fd)
      tookUs.push(Number(process.hrtime.bigint() - from) / 1_000)
    }
    tookUs.sort((a, b) => a - b)
    return tookUs[tookUs.length >> 1] ?? 0
  } finally {
    closeSync(fd)
    unlinkSync(file)
  }
}

/** Whether an error, or a line of an engine's log, says that the disk is full. */
export function saysDiskFull(text: string): boolean {
  return /the disk is full|ENOSPC|No space left on device|NOT_ENOUGH_SPACE|Cannot reserve .* not enough space|disk quota exceeded/i.test(
    text,
  )
}

function existingParent(path: string): string {
  try {
    statSync(path)
    return path
  } catch {
    return dirname(path) === path ? path : existingParent(dirname(path))
  }
}

function gibibytes(bytes: number): string {
  return bytes < 2 ** 30
    ? `${(bytes / 2 ** 20).toFixed(0)} MiB`
    : `${(bytes / 2 ** 30).toFixed(1)} GiB`
}
