import com.lmax.disruptor.BatchEventProcessor;
import com.lmax.disruptor.BatchEventProcessorBuilder;
import com.lmax.disruptor.BusySpinWaitStrategy;
import com.lmax.disruptor.EventHandler;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.SequenceBarrier;
import com.lmax.disruptor.WaitStrategy;
import com.lmax.disruptor.YieldingWaitStrategy;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;

/**
 * The LMAX Disruptor doing what our ring does, told by lines on standard input, one number a line
 * out:
 *
 *   ring BYTES PUBLISH busy|yield EVENTS   events a second, one producer, one consumer
 *   hop ROUNDS                             nanoseconds from thread to thread, spinning (median)
 *   park ROUNDS                            nanoseconds to wake a parked thread (median)
 */
public final class Rival {
  static final class Event {
    final long[] words;

    Event(int words) {
      this.words = new long[words];
    }
  }

  /** Adds up every word, as ours does, and counts down at the last event. */
  static final class Summing implements EventHandler<Event> {
    final long last;
    final CountDownLatch done = new CountDownLatch(1);
    long sum;

    Summing(long last) {
      this.last = last;
    }

    @Override
    public void onEvent(Event event, long sequence, boolean endOfBatch) {
      long total = 0;
      for (long word : event.words) total += word;
      sum += total;
      if (sequence == last) done.countDown();
    }
  }

  public static void main(String[] arguments) throws Exception {
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = lines.readLine()) != null; ) {
      String[] words = line.trim().split(" ");
      double result =
          switch (words[0]) {
            case "ring" ->
                ring(
                    Integer.parseInt(words[1]),
                    Integer.parseInt(words[2]),
                    words[3].equals("busy") ? new BusySpinWaitStrategy() : new YieldingWaitStrategy(),
                    Long.parseLong(words[4]));
            case "hop" -> hop(Integer.parseInt(words[1]));
            case "park" -> park(Integer.parseInt(words[1]));
            default -> throw new IllegalArgumentException(line);
          };
      System.out.println(result);
    }
  }

  static double ring(int bytes, int publish, WaitStrategy wait, long events) throws Exception {
    int words = bytes / 8;
    int size = Math.min(1 << 16, (1 << 20) / bytes);
    RingBuffer<Event> ring = RingBuffer.createSingleProducer(() -> new Event(words), size, wait);
    SequenceBarrier barrier = ring.newBarrier();
    Summing handler = new Summing(events - 1);
    BatchEventProcessor<Event> processor =
        new BatchEventProcessorBuilder().build(ring, barrier, handler);
    ring.addGatingSequences(processor.getSequence());
    Thread consumer = new Thread(processor);
    consumer.start();
    long start = System.nanoTime();
    for (long n = 0; n < events; n += publish) {
      long high = ring.next(publish);
      long low = high - publish + 1;
      for (long sequence = low; sequence <= high; sequence++) {
        long[] slot = ring.get(sequence).words;
        for (int i = 0; i < slot.length; i++) slot[i] = sequence;
      }
      ring.publish(low, high);
    }
    handler.done.await();
    double seconds = (System.nanoTime() - start) / 1e9;
    processor.halt();
    consumer.join();
    long expected = words * (events - 1) * events / 2;
    if (handler.sum != expected) throw new IllegalStateException(handler.sum + " != " + expected);
    return events / seconds;
  }

  /** Two rings, ping and pong; each side spins. */
  static double hop(int rounds) throws Exception {
    RingBuffer<Event> ping = RingBuffer.createSingleProducer(() -> new Event(1), 1024, new BusySpinWaitStrategy());
    RingBuffer<Event> pong = RingBuffer.createSingleProducer(() -> new Event(1), 1024, new BusySpinWaitStrategy());
    BatchEventProcessor<Event> echo =
        new BatchEventProcessorBuilder()
            .build(ping, ping.newBarrier(), (event, sequence, end) -> publish(pong, event.words[0]));
    ping.addGatingSequences(echo.getSequence());
    SequenceBarrier answers = pong.newBarrier();
    com.lmax.disruptor.Sequence seen = new com.lmax.disruptor.Sequence(-1);
    pong.addGatingSequences(seen);
    Thread thread = new Thread(echo);
    thread.start();
    double[] nanos = new double[rounds];
    for (int i = 0; i < rounds; i++) {
      long start = System.nanoTime();
      publish(ping, i);
      answers.waitFor(seen.get() + 1);
      seen.set(seen.get() + 1);
      nanos[i] = (System.nanoTime() - start) / 2.0;
    }
    echo.halt();
    thread.join();
    return median(nanos);
  }

  static void publish(RingBuffer<Event> ring, long value) {
    long sequence = ring.next();
    ring.get(sequence).words[0] = value;
    ring.publish(sequence);
  }

  static volatile long wokenAt;

  /** `unpark`, a futex wake, of a thread that has slept for two milliseconds. */
  static double park(int rounds) throws Exception {
    Thread sleeper =
        new Thread(
            () -> {
              while (!Thread.currentThread().isInterrupted()) {
                LockSupport.park();
                wokenAt = System.nanoTime();
              }
            });
    sleeper.start();
    double[] nanos = new double[rounds];
    for (int i = 0; i < rounds; i++) {
      Thread.sleep(2);
      wokenAt = 0;
      long start = System.nanoTime();
      LockSupport.unpark(sleeper);
      while (wokenAt == 0) Thread.onSpinWait();
      nanos[i] = wokenAt - start;
    }
    sleeper.interrupt();
    sleeper.join();
    return median(nanos);
  }

  static double median(double[] samples) {
    Arrays.sort(samples);
    return samples[samples.length / 2];
  }
}
