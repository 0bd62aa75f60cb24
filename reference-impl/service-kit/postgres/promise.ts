/** What a commit of PostgreSQL survives: the harness says the same of batches that it writes itself. */
export {
  POSTGRES_STORE,
  commitSurvives,
  commitWords,
  postgresPromise,
} from '../../../src/architecture/commit-promise.ts'
