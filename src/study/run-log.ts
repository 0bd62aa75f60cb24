/** The harness's own talk during a run, kept with the run and passed on. */
import { createReadStream, createWriteStream } from 'node:fs'
import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { finished } from 'node:stream/promises'
import type { Log } from '../kit/log.ts'

export interface RunLog extends AsyncDisposable {
  readonly log: Log
  /** Into the file only: somebody else says it aloud. */
  readonly keep: Log
}

/** Lines are stamped in the file and passed on as they are. */
export function openRunLog(
  file: string,
  { passOn, clean }: { readonly passOn: Log; readonly clean: (text: string) => string },
): RunLog {
  const stream = createWriteStream(file, { flags: 'a' })
  let failed: Error | null = null
  stream.on('error', (error) => {
    if (failed === null) passOn(`the run's log cannot be written: ${error.message}`)
    failed = error
  })
  const keep = (said: string): void => {
    if (failed === null) stream.write(`${new Date().toISOString()} ${clean(said)}\n`)
  }
  return {
    keep,
    log: (said) => {
      keep(said)
      passOn(clean(said))
    },
    [Symbol.asyncDispose]: async () => {
      if (failed !== null) return
      stream.end()
      await finished(stream).catch(() => undefined)
    },
  }
}

/** Logs that programs of the user's own have written: what they let slip is put out. Nothing may write them any more. */
export async function cleanLogs(dir: string, clean: (text: string) => string): Promise<void> {
  const names = await readdir(dir)
  for (const name of names.filter((each) => each.endsWith('.log')))
    await cleanLog(join(dir, name), clean)
}

async function cleanLog(file: string, clean: (text: string) => string): Promise<void> {
  if (!(await needsCleaning(file, clean))) return
  const copy = `${file}.clean`
  const into = createWriteStream(copy)
  for await (const line of linesOf(file)) into.write(`${clean(line)}\n`)
  into.end()
  await finished(into)
  await rm(file)
  await rename(copy, file)
}

async function needsCleaning(file: string, clean: (text: string) => string): Promise<boolean> {
  for await (const line of linesOf(file)) if (clean(line) !== line) return true
  return false
}

function linesOf(file: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(file), crlfDelay: Infinity })
}
