import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Properties;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Kafka Streams: count the events of each customer of `laudstream.events`, exactly once, in RocksDB with a changelog.
 * The twin of faust_table.py. Prints how many it has handled.
 *
 * <p>Arguments: Kafka address, data folder, number of partitions.
 */
public final class CountEvents {
    private static final long TELL_MS = 100;

    public static void main(String[] arguments) throws Exception {
        String folder = arguments[1];
        Properties config = new Properties();
        // The prefix lets the next run's make_topics delete the changelog.
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, "laudstream-streams-" + folder.substring(folder.lastIndexOf('/') + 1));
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        config.put(StreamsConfig.STATE_DIR_CONFIG, folder);
        config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1); // it has one core
        config.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");

        ObjectMapper json = new ObjectMapper();
        LongAdder handled = new LongAdder();
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream("laudstream.events", Consumed.with(Serdes.String(), Serdes.ByteArray()))
            .mapValues(value -> parsed(json, value))
            .peek((customer, event) -> handled.increment())
            .groupByKey(Grouped.with(Serdes.String(), null))
            .count(Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("counts")
                .withKeySerde(Serdes.String())
                .withValueSerde(Serdes.Long()));

        KafkaStreams streams = new KafkaStreams(builder.build(), config);
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
        while (true) {
            System.out.println(handled.sum());
            Thread.sleep(TELL_MS);
        }
    }

    private static JsonNode parsed(ObjectMapper json, byte[] value) {
        try {
            return json.readTree(value);
        } catch (java.io.IOException error) {
            throw new IllegalArgumentException(error);
        }
    }
}
