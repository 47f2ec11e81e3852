import { Counter, Gauge, type Registry } from 'prom-client'

/** What the process costs, by the names that all clients of Prometheus give it. Found when somebody asks; nothing is measured in between. */
export function addProcessMetrics(registry: Registry): void {
  const started = new Gauge({
    name: 'process_start_time_seconds',
    help: 'When this instance was started, in seconds since 1970.',
    registers: [registry],
  })
  started.set(performance.timeOrigin / 1_000)
  let counted = 0
  const metrics = [
    new Counter({
      name: 'process_cpu_seconds_total',
      help: 'Time of the processor that this instance has used.',
      registers: [],
      collect() {
        const { user, system } = process.cpuUsage()
        const seconds = (user + system) / 1e6
        this.inc(seconds - counted)
        counted = seconds
      },
    }),
    new Gauge({
      name: 'process_resident_memory_bytes',
      help: 'Memory that this instance has.',
      registers: [],
      collect() {
        this.set(process.memoryUsage.rss())
      },
    }),
  ]
  for (const metric of metrics) registry.registerMetric(metric)
}
