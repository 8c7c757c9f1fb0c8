/** Creates the topics that a processor reads and writes when they are missing, and watches them. */
import type { ProcessorConfig } from '../../engine/config/config.js';
import { retryTopic, TOPICS } from '../../engine/domain/topics.js';
import { type OnTopicsChanged, TopicWatch } from '../../engine/kafka/topic-watch.js';
import { createTopics, retryTopicSpecs, topicSpecs } from '../../engine/kafka/topics-admin.js';

export class ProcessorTopics {
  /** Those that it reads. */
  readonly names: readonly string[];
  readonly #config: ProcessorConfig;
  #watch: TopicWatch | undefined;

  constructor(config: ProcessorConfig) {
    this.#config = config;
    const retries = config.retryDelays.map((delay) => retryTopic(delay.name));
    this.names = [TOPICS.accepted, TOPICS.webhooks, ...retries];
  }

  /** One try; what is there already stays as it is. */
  make(): Promise<void> {
    const { kafkaBrokers, replication } = this.#config;
    const specs = [...topicSpecs(this.#config), ...retryTopicSpecs(this.#config)];
    return createTopics(kafkaBrokers, specs, replication);
  }

  watch(onChange: OnTopicsChanged): void {
    const { kafkaBrokers, topicLookMs } = this.#config;
    this.#watch = new TopicWatch(kafkaBrokers, this.names, topicLookMs, onChange);
  }

  stop(): void {
    this.#watch?.stop();
  }
}
