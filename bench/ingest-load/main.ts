/**
 * A closed loop of events in a process of its own: every connection posts its next request as soon as it has an answer.
 * In: a load as JSON argument. Out: one line of JSON on stdout.
 */
import { AckReader } from '../../src/drive/ack.ts'
import type { ClientEvents } from '../../src/drive/client.ts'
import { RawClient } from '../../src/drive/raw-client.ts'
import type { Exchange } from '../../src/drive/request-writer.ts'
import { RequestWriter } from '../../src/drive/request-writer.ts'
import { EventPopulation } from '../../src/scenario/scenario.ts'
import { openStream } from '../../src/shapes/open-stream.ts'
import type { IngestLoad, IngestLoaded } from '../ingest.ts'

const EVENT_EPOCH_MS = Date.UTC(2026, 0, 1)
const nowMs = (): number => performance.now()

const load = JSON.parse(process.argv[2] ?? '{}') as IngestLoad
const url = new URL(load.url)
const stream = await openStream(
  { source: 'generated', shape: 'billing', seed: load.seed, events: EventPopulation.parse({}) },
  (index) => EVENT_EPOCH_MS + index / 10,
)
const writer = new RequestWriter({ url, headers: {}, stream, batchEvents: load.batchEvents })
const acks = new AckReader()
let requests = 0
let inFlight = 0
let notAccepted = 0
let lastAnswerMs = 0
let untilMs = Infinity
let finish: () => void = () => undefined
const finished = new Promise<void>((resolve) => (finish = resolve))

function ended(accepted: boolean): void {
  inFlight--
  lastAnswerMs = nowMs()
  if (!accepted) notAccepted++
  if (inFlight === 0 && lastAnswerMs >= untilMs) finish()
}

const events: ClientEvents = {
  sending: (exchange) => {
    exchange.sentMs = nowMs()
  },
  answered: (exchange, answer) => {
    const ack = acks.read(answer, exchange.events)
    ended(ack.kind === 'whole' && ack.outcome === 'accepted')
  },
  lost: () => {
    ended(false)
  },
  changed: fill,
}
const client = new RawClient({
  url,
  connections: load.connections,
  requestTimeoutMs: 60_000,
  newExchange: () => writer.newExchange(),
  events,
  nowMs,
})

function fill(): void {
  // Before the loop starts connections only open.
  if (untilMs === Infinity) return
  while (nowMs() < untilMs) {
    const place: Exchange | null = client.place()
    if (place === null) return
    place.request = requests++
    place.events = load.batchEvents
    writer.write(place)
    inFlight++
    client.send(place)
  }
}

await client.open(AbortSignal.timeout(10_000))
const before = process.cpuUsage()
const startedMs = nowMs()
untilMs = startedMs + load.seconds * 1_000
fill()
await finished
const cpu = process.cpuUsage(before)
client.close()
const loaded: IngestLoaded = {
  requests,
  notAccepted,
  seconds: (lastAnswerMs - startedMs) / 1_000,
  cpuS: (cpu.user + cpu.system) / 1e6,
}
process.stdout.write(`${JSON.stringify(loaded)}\n`)
