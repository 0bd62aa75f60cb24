/** The parent's side of the sink. Out: where it listens, and how many requests it has answered so far. */
import { once } from 'node:events'
import { compiledEntry } from '../../src/kit/paths.ts'
import { spawnDaemon } from '../../src/kit/process.ts'
import type { FromSink } from './sink/main.ts'

export interface Sink extends AsyncDisposable {
  readonly url: string
  requests(): Promise<number>
}

export async function startSink(signal: AbortSignal): Promise<Sink> {
  const daemon = await spawnDaemon({
    name: 'soak sink',
    command: process.execPath,
    args: [compiledEntry('bench/soak/sink/main.ts')],
    logFile: null,
    ipc: true,
    graceMs: 1_000,
  })
  const { child } = daemon
  child.stdout?.resume()
  child.stderr?.resume()
  const heard = async <T extends FromSink['type']>(
    type: T,
  ): Promise<Extract<FromSink, { type: T }>> => {
    const ended = daemon.exited.then(() => {
      throw new Error('the sink ended early')
    })
    const [message] = (await Promise.race([once(child, 'message', { signal }), ended])) as [
      FromSink,
    ]
    if (message.type !== type) throw new Error(`the sink said ${message.type} instead of ${type}`)
    return message as Extract<FromSink, { type: T }>
  }
  const { port } = await heard('listening')
  return {
    url: `http://127.0.0.1:${String(port)}/v1/events`,
    requests: async () => {
      const answered = heard('count')
      child.send('count')
      return (await answered).requests
    },
    [Symbol.asyncDispose]: () => daemon.stop(),
  }
}
