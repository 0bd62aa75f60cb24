/**
 * How fast events are made, per core: CPU time of this process, so that a busy machine slows nobody down on paper. The
 * peers only encode objects that are ready; ours draws every field as well.
 */
import { EventPopulation } from '../src/scenario/scenario.ts'
import { generateStream } from '../src/shapes/billing/generated.ts'
import type { EventStream } from '../src/shapes/stream.ts'
import { interleaved, type BenchOptions, type BenchRow } from './bench-row.ts'

const EVENTS = 1_000_000
const PEER_EVENTS = 200_000
const READY_OBJECTS = 1_000
const BUFFER_BYTES = 1024 * 1024
const JSON_BAR_PER_S = 1_000_000
const TEMPLATE_BAR_PER_S = 5_000_000

type Write = (index: number, target: Buffer, offset: number) => number

export async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const stream = generateStream(
    { source: 'generated', shape: 'billing', seed: 7, events: EventPopulation.parse({}) },
    (index) => 1_767_225_600_000 + index * 0.1,
  )
  const target = Buffer.alloc(BUFFER_BYTES)
  const room = stream.maxEventBytes * 2
  const rateOf = (events: number, write: Write) => () => {
    options.signal.throwIfAborted()
    return Promise.resolve(eventsPerCpuS({ events, write, target, room }))
  }
  const ours = {
    json: rateOf(EVENTS, (index, into, at) => stream.writeJson(index, into, at)),
    copy: rateOf(EVENTS, (index, into, at) => stream.writeCopyRow(index, into, at)),
  }
  const objects = readyObjects(stream)
  const peers = {
    json: rateOf(PEER_EVENTS, stringified(objects)),
    copy: rateOf(PEER_EVENTS, joined(objects)),
  }
  // Compiled code is what is compared: one round of each is thrown away.
  for (const once of [ours.json, ours.copy, peers.json, peers.copy]) await once()
  const json = await interleaved(options.rounds, { ours: ours.json, peer: peers.json })
  const copy = await interleaved(options.rounds, { ours: ours.copy, peer: peers.copy })
  const unit = 'events per CPU second'
  const jsonPeer = { peerName: 'JSON.stringify of ready objects, written as UTF-8', unit }
  const copyPeer = { peerName: 'ready texts joined with tabs, written as latin1', unit }
  const slow =
    'every field is drawn and patched, two UUIDs included; what is left is hashing, hex digits and two memory copies'
  return [
    {
      what: 'event as JSON, 540 bytes, all fields',
      ...json,
      ...jsonPeer,
      bar: '≥ 1 M/s',
      met: json.ours >= JSON_BAR_PER_S,
      note: '',
    },
    {
      what: 'event from a patched template, 540 bytes',
      ...json,
      ...jsonPeer,
      bar: '≥ 5 M/s',
      met: json.ours >= TEMPLATE_BAR_PER_S,
      note: json.ours >= TEMPLATE_BAR_PER_S ? '' : slow,
    },
    {
      what: 'event as COPY row, all columns',
      ...copy,
      ...copyPeer,
      bar: '≥ 1 M/s',
      met: copy.ours >= JSON_BAR_PER_S,
      note: '',
    },
  ]
}

function eventsPerCpuS(work: {
  readonly events: number
  readonly write: Write
  readonly target: Buffer
  readonly room: number
}): number {
  const { events, write, target, room } = work
  const before = process.cpuUsage()
  let offset = 0
  for (let index = 0; index < events; index++) {
    if (offset + room > target.length) offset = 0
    offset = write(index, target, offset)
  }
  const { user, system } = process.cpuUsage(before)
  return (events * 1e6) / (user + system)
}

function readyObjects(stream: EventStream): readonly Record<string, unknown>[] {
  const target = Buffer.alloc(stream.maxEventBytes)
  return Array.from({ length: READY_OBJECTS }, (_, index) => {
    const text = target.toString('latin1', 0, stream.writeJson(index, target, 0))
    return JSON.parse(text) as Record<string, unknown>
  })
}

function stringified(objects: readonly Record<string, unknown>[]): Write {
  return (index, target, offset) =>
    offset + target.write(JSON.stringify(objects[index % READY_OBJECTS]), offset, 'utf8')
}

function joined(objects: readonly Record<string, unknown>[]): Write {
  const rows = objects.map((object) => {
    const { properties, value, ...texts } = object
    return [...Object.values(texts), JSON.stringify(properties), String(value), String(value)]
  })
  return (index, target, offset) =>
    offset + target.write(`${(rows[index % READY_OBJECTS] ?? []).join('\t')}\n`, offset, 'latin1')
}
