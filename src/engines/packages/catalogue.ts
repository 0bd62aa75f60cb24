/**
 * What `headroom engines install` can fetch: engines and extensions that come as Debian packages. In: nothing. Out: which
 * packages make one, and what must be there once they are unpacked.
 */

export interface PackageRecipe {
  readonly title: string
  /** Debian packages that hold it; the libraries they need are found through their `Depends`. */
  readonly roots: readonly [string, ...string[]]
  /** What it is started or loaded by, below the folder it is unpacked to: without it, it is not there. */
  readonly provides: string
  /** What to install by hand where there is no apt. */
  readonly otherwise: string
}

export const PACKAGES = {
  redis: {
    title: 'Redis',
    roots: ['redis-server', 'redis-tools'],
    provides: 'usr/bin/redis-server',
    otherwise: 'install redis-server so that it is on the PATH (Homebrew: redis)',
  },
  pgbouncer: {
    title: 'PgBouncer',
    roots: ['pgbouncer'],
    provides: 'usr/sbin/pgbouncer',
    otherwise: 'install pgbouncer so that it is on the PATH',
  },
  timescaledb: {
    title: 'TimescaleDB for PostgreSQL 18 (Apache build)',
    roots: ['postgresql-18-timescaledb'],
    provides: 'usr/lib/postgresql/18/lib/timescaledb.so',
    otherwise: 'use --engines compose',
  },
  pg_partman: {
    title: 'pg_partman for PostgreSQL 18',
    roots: ['postgresql-18-partman'],
    provides: 'usr/share/postgresql/18/extension/pg_partman.control',
    otherwise: 'use a PostgreSQL of your own that has it',
  },
} as const satisfies Readonly<Record<string, PackageRecipe>>

export type PackageName = keyof typeof PACKAGES

export const PACKAGE_NAMES = Object.keys(PACKAGES) as readonly PackageName[]
