/**
 * What a run changes in docker-compose.yml. In: per service what is different. Out: the text of an override file (JSON,
 * which is YAML). It holds names of secrets, never a secret.
 */

export interface ServiceOverride {
  readonly command?: readonly string[]
  /** Names taken from the environment of `docker compose`: their values are in no file and no argument. */
  readonly environment?: readonly string[]
  /** Files of the host, mounted read-only. */
  readonly mounts?: readonly { readonly file: string; readonly at: string }[]
  /** Volumes of the project, each kept for this service alone: what one that is made like another must not share with it. */
  readonly volumes?: readonly { readonly name: string; readonly at: string }[]
  /** Another service of the file whose definition this one starts from; for what the file does not name. */
  readonly like?: string
  readonly buildLabels?: Readonly<Record<string, string>>
}

export interface OverrideOptions {
  readonly project: string
  readonly composeFile: string
  readonly services: ReadonlyMap<string, ServiceOverride>
}

/** On everything of a run, for people: `docker ps --filter label=headroom.run`. */
export const RUN_LABEL = 'headroom.run'

export function overrideText({ project, composeFile, services }: OverrideOptions): string {
  const labels = { [RUN_LABEL]: project }
  const volumes = [...services.values()].flatMap((service) => service.volumes ?? [])
  const document = {
    services: Object.fromEntries(
      [...services].map(([name, service]) => [name, serviceOf(service, { labels, composeFile })]),
    ),
    networks: { default: { labels } },
    ...(volumes.length === 0
      ? {}
      : { volumes: Object.fromEntries(volumes.map(({ name }) => [name, { labels }])) }),
  }
  return `${JSON.stringify(literal(document), null, 2)}\n`
}

function serviceOf(
  service: ServiceOverride,
  { labels, composeFile }: { readonly labels: object; readonly composeFile: string },
): object {
  const mounted = [
    ...(service.mounts ?? []).map(({ file, at }) => ({
      ...{ type: 'bind', source: file, target: at, read_only: true },
    })),
    ...(service.volumes ?? []).map(({ name, at }) => ({
      ...{ type: 'volume', source: name, target: at },
    })),
  ]
  return {
    ...(service.like === undefined
      ? {}
      : { extends: { file: composeFile, service: service.like } }),
    ...(service.command === undefined ? {} : { command: service.command }),
    ...(service.environment === undefined
      ? {}
      : { environment: Object.fromEntries(service.environment.map((name) => [name, null])) }),
    ...(mounted.length === 0 ? {} : { volumes: mounted }),
    ...(service.buildLabels === undefined ? {} : { build: { labels: service.buildLabels } }),
    labels,
    // A container that ends is an event of the run: it is told, never hidden by a restart.
    restart: 'no',
    // The harness asks by protocol; a check every few seconds would be measured along.
    healthcheck: { disable: true },
  }
}

/** Compose replaces `$NAME` in every text of a file: what is meant literally says `$$`. */
function literal(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('$', '$$$$')
  if (Array.isArray(value)) return value.map(literal)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, literal(inner)]))
}
