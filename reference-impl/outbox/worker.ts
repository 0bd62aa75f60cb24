/** A worker of outbox: from the table to a receiver over HTTP. */
import { HttpSink } from '../service-kit/outbox/http-sink.ts'
import { runOutboxWorker, type OutboxAddresses } from '../service-kit/outbox/worker-process.ts'

interface Addresses extends OutboxAddresses {
  /** Base address of the receiver. */
  readonly sink: string
}

await runOutboxWorker<Addresses>(
  'outbox',
  ({ addresses, settings }) =>
    new HttpSink({
      url: new URL(addresses.sink),
      connections: settings.consumers * settings.concurrency,
    }),
)
