/**
 * The driver process. In: one job, a go and perhaps a stop over IPC. Out: windows, query results and one result. It
 * dies with the harness: a load without anybody who listens helps nobody.
 */
import { messageOf } from '../kit/errors.ts'
import type { FromDriver, ToDriver } from './job.ts'
import { JobRun } from './run-job.ts'

const CRASHED = 70

let run: JobRun | null = null
let isStarted = false

function tell(message: FromDriver): void {
  process.send?.(message, undefined, undefined, () => undefined)
}

function fail(error: unknown): void {
  const last: FromDriver = { type: 'failed', message: messageOf(error) }
  process.exitCode = CRASHED
  process.stderr.write(
    `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  )
  process.send?.(last, undefined, undefined, () => process.exit(CRASHED))
}

async function start(epochMs: number): Promise<void> {
  if (run === null || isStarted) return
  isStarted = true
  const last: FromDriver = { type: 'done', result: await run.run(epochMs) }
  process.send?.(last, undefined, undefined, () => process.exit(0))
}

async function obey(message: ToDriver): Promise<void> {
  switch (message.type) {
    case 'job':
      run = await JobRun.prepare(message.job, tell)
      tell({ type: 'ready' })
      break
    case 'go':
      await start(message.epochMs)
      break
    case 'stop':
      run?.stop()
      // A stop before the go is the end of a run that was never begun.
      await start(performance.timeOrigin + performance.now())
  }
}

process.on('message', (message: ToDriver) => {
  obey(message).catch(fail)
})
process.on('disconnect', () => process.exit(0))
process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)
// Ctrl-C reaches the whole terminal; the harness decides what it means.
process.on('SIGINT', () => undefined)
