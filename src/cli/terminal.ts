/**
 * Where a command's words go: data on stdout, talk on stderr. In: two streams. Out: lines that survive a closed pipe.
 * Tests hand in their own streams.
 */
import { styleText } from 'node:util'

export interface Terminal {
  /** One piece of data, on stdout, with a newline. */
  data(text: string): void
  /** A line for a person, on stderr. */
  talk(line: string): void
  /** Talk that is drawn, not a line: cursor movements included. */
  draw(text: string): void
  /** stderr is a terminal that can be redrawn. */
  readonly canRedraw: boolean
  readonly columns: number
  paint(style: Style, text: string): string
}

export type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'green' | 'cyan'

export interface Streams {
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
}

const COLUMNS_WITHOUT_TERMINAL = 120

export function systemTerminal({ stdout, stderr }: Streams): Terminal {
  const toStdout = closablePipe(stdout)
  const toStderr = closablePipe(stderr)
  return {
    data: (text) => {
      toStdout(`${text}\n`)
    },
    talk: (line) => {
      toStderr(`${line}\n`)
    },
    draw: toStderr,
    // TERM=dumb cannot move its cursor.
    canRedraw: stderr.isTTY && process.env['TERM'] !== 'dumb',
    columns: stderr.isTTY ? stderr.columns : COLUMNS_WITHOUT_TERMINAL,
    // styleText honours NO_COLOR, FORCE_COLOR and whether the stream is a terminal.
    paint: (style, text) => styleText(style, text, { stream: stderr }),
  }
}

/** `headroom list | head -1`: whoever reads may stop reading; that is no error of ours. */
function closablePipe(stream: NodeJS.WriteStream): (text: string) => void {
  let closed = false
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') throw error
    closed = true
  })
  return (text) => {
    if (!closed) stream.write(text)
  }
}
