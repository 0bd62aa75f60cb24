/**
 * Tells when an engine dies without being asked to. In: its daemon and log file. Out: one sentence with the log's last
 * words; a full disk is recognised even while the engine still clings to life.
 */
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { saysDiskFull } from '../kit/disk.ts'
import type { Watched } from '../kit/process.ts'
import { sayExit } from '../kit/process.ts'

const LOOK_EVERY_MS = 2_000
const LOOK_BYTES = 65_536
const QUOTED_LINES = 5
const QUOTED_CHARACTERS = 300

export class CrashWatch {
  readonly crashed: Promise<string>
  readonly #logFile: string
  #tell: (sentence: string) => void = () => undefined
  #timer: NodeJS.Timeout | null = null
  #readBytes = 0

  constructor(logFile: string) {
    this.#logFile = logFile
    this.crashed = new Promise((resolve) => {
      this.#tell = resolve
    })
  }

  /** Watches this daemon; one that is stopped, killed or replaced through its own object did not crash. */
  follow(daemon: Watched): void {
    this.stop()
    this.#readBytes = sizeOf(this.#logFile)
    this.#timer = setInterval(() => {
      this.#lookForFullDisk(daemon.name)
    }, LOOK_EVERY_MS)
    this.#timer.unref()
    void daemon.exited.then((exit) => {
      if (daemon.stopping()) return
      this.stop()
      const words = daemon.logTail(QUOTED_LINES)
      const why = saysDiskFull(words.join('\n')) ? ' because the disk is full' : ''
      this.#tell(`${daemon.name} ended ${sayExit(exit)}${why}: ${words.join(' | ')}`)
    })
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  #lookForFullDisk(name: string): void {
    const size = sizeOf(this.#logFile)
    const from = Math.max(this.#readBytes, size - LOOK_BYTES)
    this.#readBytes = size
    const line = readBetween(this.#logFile, from, size).split('\n').find(saysDiskFull)
    if (line !== undefined) {
      this.#tell(
        `${name} cannot write because the disk is full: ${line.slice(0, QUOTED_CHARACTERS)}`,
      )
    }
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

function readBetween(file: string, from: number, to: number): string {
  if (to <= from) return ''
  const fd = openSync(file, 'r')
  try {
    const buffer = Buffer.alloc(to - from)
    return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, from))
  } finally {
    closeSync(fd)
  }
}
