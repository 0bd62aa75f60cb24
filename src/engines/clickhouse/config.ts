/**
 * The configuration files of an embedded ClickHouse. In: folders, a port and settings already sorted by kind. Out: the
 * text of config.xml and users.xml, everything from outside escaped.
 */
import { totalmem } from 'node:os'
import type { EngineSettings } from '../engine.ts'

/** ClickHouse keeps its settings in three places; each name belongs to one. */
export interface SortedSettings {
  /** config.xml: pools, caches, limits of the server. */
  readonly server: EngineSettings
  /** The default profile of users.xml: what every query starts from. */
  readonly query: EngineSettings
  /** Defaults of every MergeTree table. */
  readonly mergeTree: EngineSettings
}

export const NO_SETTINGS: SortedSettings = { server: {}, query: {}, mergeTree: {} }

export interface ConfigFolders {
  readonly dir: string
  readonly logFile: string
  readonly httpPort: number
}

const GIBIBYTE = 2 ** 30

/** What a server would do by default, made to fit beside driver and services on a small machine. */
export function serverDefaults(): EngineSettings {
  return {
    max_server_memory_usage: Math.floor(
      Math.min(8 * GIBIBYTE, Math.max(GIBIBYTE, totalmem() * 0.4)),
    ).toString(),
    mark_cache_size: (256 * 2 ** 20).toString(),
    max_concurrent_queries: '1000',
    shutdown_wait_unfinished: '1',
    // clickhouse-local starts with pools for one query; a server's merges need more (16 and 512 are a server's own,
    // sized for many cores).
    background_pool_size: '4',
    background_schedule_pool_size: '16',
    background_message_broker_schedule_pool_size: '4',
    background_buffer_flush_schedule_pool_size: '4',
  }
}

export function configXml(folders: ConfigFolders, settings: SortedSettings): string {
  const { dir } = folders
  const server = { ...serverDefaults(), ...settings.server }
  return element('clickhouse', [
    element('path', text(`${dir}/data/`)),
    element('tmp_path', text(`${dir}/tmp/`)),
    element('user_files_path', text(`${dir}/user_files/`)),
    element('users_config', text(`${dir}/users.xml`)),
    element('http_port', text(String(folders.httpPort))),
    // The embedded library knows no users or passwords: nobody but this machine may reach it.
    element('listen_host', text('127.0.0.1')),
    element('logger', [
      element('log', text(folders.logFile)),
      element('size', text('100M')),
      element('count', text('1')),
    ]),
    element('merge_tree', settingElements(settings.mergeTree)),
    ...settingElements(server),
  ])
}

export function usersXml(settings: SortedSettings): string {
  return element('clickhouse', [
    element('profiles', [element('default', settingElements(settings.query))]),
    element('users', [
      element('default', [
        '<password></password>',
        element('networks', [element('ip', text('127.0.0.1')), element('ip', text('::1'))]),
        element('profile', text('default')),
        element('quota', text('default')),
        element('access_management', text('1')),
      ]),
    ]),
    element('quotas', [element('default', [])]),
  ])
}

/** What a run adds to a server's own configuration: a file for config.d. */
export function serverOverrideXml(settings: SortedSettings): string {
  const mergeTree = settingElements(settings.mergeTree)
  return element('clickhouse', [
    ...(mergeTree.length === 0 ? [] : [element('merge_tree', mergeTree)]),
    ...settingElements(settings.server),
  ])
}

/** And one for users.d: what every query starts from. */
export function usersOverrideXml(settings: SortedSettings): string {
  return element('clickhouse', [
    element('profiles', [element('default', settingElements(settings.query))]),
  ])
}

/** `logger.level` becomes nested elements. */
function settingElements(settings: EngineSettings): readonly string[] {
  return Object.entries(settings).map(([name, value]) =>
    name.split('.').reduceRight<string>((inner, part) => element(part, inner), text(value)),
  )
}

function element(name: string, inner: string | readonly string[]): string {
  return `<${name}>${typeof inner === 'string' ? inner : inner.join('\n')}</${name}>`
}

function text(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
