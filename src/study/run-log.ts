/** The harness's own talk during a run, kept with the run and passed on. */
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import type { Log } from '../kit/log.ts'

export interface RunLog extends AsyncDisposable {
  readonly log: Log
}

/** Lines are stamped in the file and passed on as they are. */
export function openRunLog(file: string, passOn: Log): RunLog {
  const stream = createWriteStream(file, { flags: 'a' })
  let failed: Error | null = null
  stream.on('error', (error) => {
    if (failed === null) passOn(`the run's log cannot be written: ${error.message}`)
    failed = error
  })
  return {
    log: (line) => {
      if (failed === null) stream.write(`${new Date().toISOString()} ${line}\n`)
      passOn(line)
    },
    [Symbol.asyncDispose]: async () => {
      if (failed !== null) return
      stream.end()
      await finished(stream).catch(() => undefined)
    },
  }
}
