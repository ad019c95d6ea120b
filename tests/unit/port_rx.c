// SPDX-License-Identifier: MIT
// port_rx.c - receiving against a fake keeper: order of steps, references, quota, refusals, wrap.

#include "port_fake.h"
#include <linux/if_packet.h>

static struct fake f;
static struct port_sink one, two, three;
static uint32_t probed[2];
static int probe_result;

static int setup(void **state)
{
	fake_make(&f, 0);
	port_sink_init(&one, 1 << 20);
	port_sink_init(&two, 1 << 20);
	port_sink_init(&three, 1 << 20);
	return 0;
}

static int teardown(void **state)
{
	fake_end(&f);
	return 0;
}

static struct oob_port_stats *stats(unsigned int port)
{
	return &f.dev->table->stats[port];
}

static void test_one_packet(void **state)
{
	struct port_item item;
	uint32_t frame;

	fake_join(&f, &one, 0, ETH_P_ALL);
	frame = fake_receive(&f, 42, 0xaa);
	assert_int_equal(fake_drain(&f, &one), 1);
	assert_int_equal(*f.rx.consumer, *f.rx.producer);
	assert_int_equal(f.held[frame], OOB_HELD_RX);
	assert_int_equal(fake_take_return(&f), UINT32_MAX);

	assert_int_equal(port_sink_pop(&one, &item), 0);
	assert_int_equal(item.frame, frame);
	assert_int_equal(item.len, 118);
	assert_true(item.tagged);
	assert_int_equal(item.pkttype, PACKET_HOST);
	assert_int_equal(port_sink_pop(&one, &item), -EAGAIN);
	port_release(&item);
	assert_int_equal(f.held[frame], OOB_HELD_RX);	/* the keeper clears it */
	assert_int_equal(fake_take_return(&f), frame);
	assert_int_equal(f.dev->queue[0].held, 0);
	assert_int_equal(f.dev->borrowed, 0);
}

/* ---- order of steps ---- */

static void probe_consumer(void)
{
	/* The store has not happened: a kill here leaves the frames in the ring and marked. */
	probe_result = *f.rx.consumer == (uint32_t)FAKE_START && f.held[probed[0]] == OOB_HELD_RX &&
		       f.held[probed[1]] == OOB_HELD_RX;
}

static void test_marks_before_consuming(void **state)
{
	fake_join(&f, &one, 0, ETH_P_ALL);
	probed[0] = fake_receive(&f, 42, 1);
	probed[1] = fake_receive(&f, 42, 2);
	probe_result = 0;
	watch_store(f.rx.consumer, probe_consumer);
	fake_drain(&f, &one);
	watch_end();
	assert_true(probe_result);
}

static void probe_return(void)
{
	probe_result = f.dev->table->ret.producer == 0 && f.dev->ret[0] == probed[0] &&
		       f.held[probed[0]] == OOB_HELD_RX;
}

static void test_entry_before_producer(void **state)
{
	struct port_item item;

	fake_join(&f, &one, 0, ETH_P_ALL);
	probed[0] = fake_receive(&f, 42, 1);
	fake_drain(&f, &one);
	assert_int_equal(port_sink_pop(&one, &item), 0);
	probe_result = 0;
	watch_store(&f.dev->table->ret.producer, probe_return);
	port_release(&item);
	watch_end();
	assert_true(probe_result);
}

/* ---- who gets what ---- */

static void test_references(void **state)
{
	struct port_item a, b, c;
	uint32_t frame;

	fake_join(&f, &one, 0, ETH_P_ALL);
	fake_join(&f, &two, 0, ETH_P_ALL);
	fake_join(&f, &three, 0, ETH_P_IP);
	frame = fake_receive(&f, 42, 1);
	fake_drain(&f, NULL);
	assert_int_equal(port_sink_pop(&one, &a), 0);
	assert_int_equal(port_sink_pop(&two, &b), 0);
	assert_int_equal(port_sink_pop(&three, &c), 0);
	assert_int_equal(a.frame, frame);
	assert_int_equal(a.addr, b.addr);
	port_release(&b);
	port_release(&a);
	assert_int_equal(fake_take_return(&f), UINT32_MAX);
	port_release(&c);
	assert_int_equal(fake_take_return(&f), frame);
	assert_int_equal(fake_take_return(&f), UINT32_MAX);
}

static void test_latest_ip_socket_consumes(void **state)
{
	struct port_item item;

	fake_join(&f, &one, 0, ETH_P_IP);
	fake_join(&f, &two, 0, ETH_P_IP);
	fake_join(&f, &three, 1, ETH_P_IP);
	fake_receive(&f, 42, 1);
	fake_drain(&f, NULL);
	assert_int_equal(port_sink_pop(&one, &item), -EAGAIN);
	assert_int_equal(port_sink_pop(&three, &item), -EAGAIN);
	assert_int_equal(port_sink_pop(&two, &item), 0);
}

static void test_full_socket(void **state)
{
	const uint32_t fits = 6;
	uint32_t frame = 0, got = 0;
	struct port_item item;

	one.room = fits * 2048;
	fake_join(&f, &one, 0, ETH_P_ALL);
	for (uint32_t i = 0; i < fits + 2; i++)
		frame = fake_receive(&f, 42, (uint8_t)i);
	fake_drain(&f, NULL);
	assert_int_equal(stats(0)->rx_nomem, 2);
	assert_int_equal(fake_take_return(&f), frame - 1);
	assert_int_equal(fake_take_return(&f), frame);
	while (!port_sink_pop(&one, &item)) {
		assert_int_equal(f.dev->umem[item.addr + 18], got++);
		port_release(&item);
	}
	assert_int_equal(got, fits);
}

static void test_smallest_socket_has_room_for_some(void **state)
{
	one.room = 0;
	fake_join(&f, &one, 0, ETH_P_ALL);
	for (uint32_t i = 0; i < PORT_SINK_MIN + 1; i++)
		fake_receive(&f, 42, 0);
	fake_drain(&f, NULL);
	assert_int_equal(one.count, PORT_SINK_MIN);
	assert_int_equal(stats(0)->rx_nomem, 1);
}

static void test_quota(void **state)
{
	struct port_item item;
	uint32_t first = 0;

	one.room = two.room = UINT32_MAX;
	fake_join(&f, &one, 0, ETH_P_ALL);
	fake_join(&f, &two, 1, ETH_P_ALL);
	for (uint32_t i = 0; i < 200; i++)
		fake_receive(&f, 42, 0);
	for (uint32_t i = 0; i < 100; i++) {
		uint32_t frame = fake_receive(&f, 43, 0);

		if (i == OOB_RX_QUOTA - 200)
			first = frame;
	}
	while (fake_drain(&f, NULL))
		;
	assert_int_equal(one.count, 200);
	assert_int_equal(two.count, OOB_RX_QUOTA - 200);
	assert_int_equal(stats(1)->rx_nomem, 300 - OOB_RX_QUOTA);
	assert_int_equal(f.dev->queue[0].held, OOB_RX_QUOTA);
	assert_int_equal(fake_take_return(&f), first);	/* refused at once, and home */

	assert_int_equal(port_sink_pop(&one, &item), 0);
	port_release(&item);
	fake_receive(&f, 43, 0);
	fake_drain(&f, NULL);
	assert_int_equal(two.count, OOB_RX_QUOTA - 200 + 1);
}

/* ---- what is refused ---- */

static void test_impossible_descriptors(void **state)
{
	uint32_t frame;

	fake_join(&f, &one, 0, ETH_P_ALL);
	fake_desc(&f, (uint64_t)(FAKE_NR_TX + FAKE_RX) * 2048, 100);	/* beyond the UMEM */
	fake_desc(&f, UINT64_MAX - 10, 100);
	fake_desc(&f, 3 * 2048 + 256, 100);				/* a transmit frame */
	fake_desc(&f, 50 * 2048 + 2000, 100);				/* over the frame's end */
	fake_desc(&f, 50 * 2048 + 256, UINT32_MAX);
	frame = fake_receive(&f, 42, 1);
	fake_desc(&f, (uint64_t)frame * 2048 + 256, 118);		/* the same frame twice */
	fake_drain(&f, NULL);
	assert_int_equal(stats(0)->rx_malformed, 6);
	assert_int_equal(one.count, 1);
	assert_int_equal(fake_take_return(&f), UINT32_MAX);	/* none of them is ours to give back */
	assert_int_equal(f.held[3], OOB_HELD_NOT);
	assert_int_equal(f.held[50], OOB_HELD_NOT);
	assert_int_equal(*f.rx.consumer, *f.rx.producer);
}

static uint32_t receive_odd(uint16_t vid, uint16_t ethertype, uint32_t len)
{
	uint64_t addr = (uint64_t)f.next_frame++ * 2048 + 256;

	fake_frame(f.dev->umem + addr, vid, ethertype, 0, 100);
	return fake_desc(&f, addr, len);
}

static void test_malformed_frames_go_home(void **state)
{
	uint32_t frames[] = {
		receive_odd(42, ETH_P_ARP, 118),
		receive_odd(42, ETH_P_8021Q, 118),
		receive_odd(42, ETH_P_IP, 17),
		receive_odd(42, ETH_P_IP, 13),
		receive_odd(42, ETH_P_IP, 0),
		receive_odd(0, ETH_P_IP, 114),	/* untagged, and no port is */
		receive_odd(44, ETH_P_IP, 118),	/* nobody's VLAN */
	};

	fake_join(&f, &one, 0, ETH_P_ALL);
	fake_drain(&f, NULL);
	assert_int_equal(one.count, 0);
	assert_int_equal(stats(0)->rx_malformed, 7);
	for (size_t i = 0; i < sizeof(frames) / sizeof(*frames); i++)
		assert_int_equal(fake_take_return(&f), frames[i]);
}

static void test_unwanted(void **state)
{
	uint32_t frame = fake_receive(&f, 43, 1);

	fake_join(&f, &one, 0, ETH_P_ALL);
	fake_drain(&f, NULL);
	assert_int_equal(stats(1)->rx_unwanted, 1);
	assert_int_equal(fake_take_return(&f), frame);
}

static void test_untagged_port(void **state)
{
	struct oob_config *conf = fake_board_begin(&f);
	struct port_item item;

	conf->ports[1].vid = 0;
	fake_board_end(&f);
	fake_drain(&f, NULL);
	fake_join(&f, &one, 1, ETH_P_ALL);
	fake_receive(&f, 0, 1);
	fake_drain(&f, NULL);
	assert_int_equal(port_sink_pop(&one, &item), 0);
	assert_false(item.tagged);
	assert_int_equal(item.len, 114);
}

/* ---- rings ---- */

static void test_wrap(void **state)
{
	struct port_item item;
	uint32_t frame;

	fake_join(&f, &one, 0, ETH_P_ALL);
	f.dev->table->ret.producer = f.dev->table->ret.consumer = f.returned = (uint32_t)-100;
	for (uint32_t i = 0; i < 3 * FAKE_RING; i++) {
		f.next_frame = FAKE_NR_TX + i % FAKE_RX;
		frame = fake_receive(&f, 42, (uint8_t)i);
		assert_int_equal(fake_drain(&f, &one), 1);
		assert_int_equal(port_sink_pop(&one, &item), 0);
		assert_int_equal(item.frame, frame);
		assert_int_equal(f.dev->umem[item.addr + 18], (uint8_t)i);
		port_release(&item);
		assert_int_equal(fake_take_return(&f), frame);
	}
}

static void test_return_ring_full(void **state)
{
	struct port_item item;
	uint32_t frame;

	fake_join(&f, &one, 0, ETH_P_ALL);
	frame = fake_receive(&f, 42, 1);
	fake_drain(&f, &one);
	assert_int_equal(port_sink_pop(&one, &item), 0);
	f.dev->table->ret.producer = f.returned + f.dev->geo.return_ring;
	port_release(&item);
	assert_int_equal(f.dev->table->ret.producer, f.returned + f.dev->geo.return_ring);
	assert_int_equal(f.dev->queue[0].held, 1);

	f.dev->table->ret.consumer = f.returned = f.dev->table->ret.producer;
	fake_drain(&f, &one);
	assert_int_equal(fake_take_return(&f), frame);
	assert_int_equal(f.dev->queue[0].held, 0);
}

static void test_stops_when_served(void **state)
{
	struct port_item item;

	fake_join(&f, &one, 0, ETH_P_ALL);
	for (int i = 0; i < 100; i++)
		fake_receive(&f, 42, 0);
	assert_in_range(fake_drain(&f, &one), 1, 99);
	assert_int_equal(port_sink_pop(&one, &item), 0);
}

/* ---- the board ---- */

static void test_disabled_port(void **state)
{
	struct port_item item;

	fake_join(&f, &one, 0, ETH_P_ALL);
	fake_join(&f, &two, 0, ETH_P_ALL);
	fake_join(&f, &two, 1, ETH_P_ALL);
	fake_disable(&f, 0);
	fake_receive(&f, 42, 1);
	fake_drain(&f, NULL);
	assert_int_equal(port_sink_pop(&one, &item), -ENETDOWN);
	assert_int_equal(port_sink_pop(&two, &item), -EAGAIN);	/* it has another port */
	assert_int_equal(stats(0)->rx_unwanted, 1);
	fake_disable(&f, 1);
	fake_drain(&f, NULL);
	assert_int_equal(port_sink_pop(&two, &item), -ENETDOWN);
}

static void test_enabled_again_is_another_port(void **state)
{
	struct oob_config *conf = fake_board_begin(&f);
	struct port_item item;

	fake_join(&f, &one, 0, ETH_P_ALL);
	f.dev->use[0].claimed = true;
	conf->ports[0].epoch += 2;
	fake_board_end(&f);
	fake_receive(&f, 42, 1);
	fake_drain(&f, NULL);
	assert_int_equal(port_sink_pop(&one, &item), -ENETDOWN);
	assert_false(f.dev->use[0].claimed);
}

static void test_device_gone(void **state)
{
	struct port_item item, held;

	fake_join(&f, &one, 0, ETH_P_ALL);
	fake_receive(&f, 42, 1);
	fake_receive(&f, 42, 2);
	fake_drain(&f, NULL);
	assert_int_equal(port_sink_pop(&one, &held), 0);
	f.board->gone = 1;
	fake_drain(&f, NULL);
	assert_int_equal(f.dev->state, PORT_DEAD);
	assert_int_equal(port_sink_pop(&one, &item), -ENETDOWN);	/* what was queued is gone too */
	assert_true(f.dev->queue[0].xsk >= 0);	/* a packet is still being copied */
	port_release(&held);
	assert_int_equal(f.dev->queue[0].xsk, -1);
	assert_int_equal(f.dev->borrowed, 0);
}

static void test_bad_table_is_refused(void **state)
{
	struct port_device *dev = f.dev;

	port_device_stop(dev);
	dev->table->grant_offset += 4096;
	assert_int_equal(port_device_start(dev), -EPROTO);
	dev->table->grant_offset -= 4096;
	f.board->protocol++;
	assert_int_equal(port_device_start(dev), -EPROTO);
	f.board->protocol--;
	assert_int_equal(port_device_start(dev), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_packet),
		TEST(test_marks_before_consuming),
		TEST(test_entry_before_producer),
		TEST(test_references),
		TEST(test_latest_ip_socket_consumes),
		TEST(test_full_socket),
		TEST(test_smallest_socket_has_room_for_some),
		TEST(test_quota),
		TEST(test_impossible_descriptors),
		TEST(test_malformed_frames_go_home),
		TEST(test_unwanted),
		TEST(test_untagged_port),
		TEST(test_wrap),
		TEST(test_return_ring_full),
		TEST(test_stops_when_served),
		TEST(test_disabled_port),
		TEST(test_enabled_again_is_another_port),
		TEST(test_device_gone),
		TEST(test_bad_table_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
