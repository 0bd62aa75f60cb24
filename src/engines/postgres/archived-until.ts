/**
 * Until when a log archive is whole. In: the log's position at each look, and the last segment that was archived. Out: the
 * latest moment before which nothing was committed that the archive lacks. Both are of the harness's clock: the server keeps
 * no time of a position.
 */

interface Look {
  /** When it was asked, not when it was answered: what was acknowledged before lies before the position. */
  readonly atMs: number
  /** Bytes since 0/0. */
  readonly position: number
}

/** Twelve minutes of looks ten a second; an archive that lags more than that is bound by the base backup. */
const LOOKS_MAX = 7_200

export class ArchivedUntil {
  readonly #backedUpMs: number
  readonly #looks: Look[] = []

  /** @param backedUpMs before the base backup began: what is older than that is in the backup */
  constructor(backedUpMs: number) {
    this.#backedUpMs = backedUpMs
  }

  /** In the order of time. After a restore the position is behind: looks beyond it were of a log that is gone. */
  look(atMs: number, position: number): void {
    while ((this.#looks.at(-1)?.position ?? -1) >= position) this.#looks.pop()
    this.#looks.push({ atMs, position })
    if (this.#looks.length > LOOKS_MAX) this.#looks.shift()
  }

  /** @param endPosition where the last archived segment ends; null: none is archived */
  until(endPosition: number | null): number {
    if (endPosition === null) return this.#backedUpMs
    const last = this.#looks.findLast(({ position }) => position <= endPosition)
    return last?.atMs ?? this.#backedUpMs
  }
}

/** The newest timeline that any file of an archive is of, its history too; 0: there is no file. */
export function newestTimeline(files: readonly string[]): number {
  return Math.max(
    0,
    ...files.map((name) => Number.parseInt(/^[0-9A-F]{8}/.exec(name)?.[0] ?? '0', 16)),
  )
}

const SEGMENT = /^[0-9A-F]{24}$/
const POSITIONS_PER_LOG = 2 ** 32

export interface ArchivedSegment {
  readonly file: string
  /** Every restore begins one. */
  readonly timeline: number
  /** Bytes since 0/0. */
  readonly endPosition: number
}

/** The last segment of the newest timeline among the files of an archive; null: there is none. */
export function lastSegment(
  files: readonly string[],
  segmentBytes: number,
): ArchivedSegment | null {
  const file = files
    .filter((name) => SEGMENT.test(name))
    .sort()
    .at(-1)
  if (file === undefined) return null
  const timeline = Number.parseInt(file.slice(0, 8), 16)
  const log = Number.parseInt(file.slice(8, 16), 16)
  const segment = Number.parseInt(file.slice(16), 16)
  return { file, timeline, endPosition: log * POSITIONS_PER_LOG + (segment + 1) * segmentBytes }
}
