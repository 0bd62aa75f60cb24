/**
 * How a process of an architecture is started, wherever that is: on the host (launch-host.ts) or in a container
 * (launch-container.ts). An architecture never starts one by itself.
 */
import type { LaunchedPart, LaunchOptions } from '../architecture/architecture.ts'
import type { Part } from '../architecture/part.ts'
import type { EngineImage } from '../engines/engine.ts'
import type { Log } from '../kit/log.ts'

/** One replica: how many there are is the caller's loop. */
export type LaunchWish = Omit<LaunchOptions, 'replicas'>

/** @throws HeadroomError SERVICE_NOT_READY with the log's end; a container's also IMAGE_MISSING, PORT_TAKEN, DISK_FULL */
export type Launcher = (wish: LaunchWish) => Promise<LaunchedService>

export interface LaunchContext {
  readonly logDir: string
  readonly signal: AbortSignal
  readonly log: Log
}

/** A launched process with what the runner needs beside the contract: its end, asked for or not. */
export interface LaunchedService extends LaunchedPart, AsyncDisposable {
  /** Resolves with a sentence when the process ends without being asked to; never rejects. */
  readonly crashed: Promise<string>
  /** Where it runs in a container. */
  readonly image?: EngineImage
}

/** What its replicas are called. */
export function partNames({ name, replicas }: Pick<LaunchOptions, 'name' | 'replicas'>): string[] {
  return replicas === 1
    ? [name]
    : Array.from({ length: replicas }, (_, index) => `${name}-${String(index + 1)}`)
}

export function partKind(name: string): Extract<Part['kind'], 'service' | 'worker'> {
  return name.startsWith('worker') ? 'worker' : 'service'
}

export function configObject(config: unknown): Record<string, unknown> {
  if (typeof config !== 'object' || config === null)
    throw new Error('a launch configuration is an object')
  return config as Record<string, unknown>
}

/** What a process prints once it works; null before. Its address is null for a worker without a socket. */
export function readReadyLine(text: string): { readonly url: URL | null } | null {
  // The last piece may be half a line.
  const line = text
    .split('\n')
    .slice(0, -1)
    .find((one) => one.startsWith('{"ready":true'))
  if (line === undefined) return null
  const { url } = JSON.parse(line) as { readonly url?: string }
  return { url: url === undefined ? null : new URL(url) }
}
