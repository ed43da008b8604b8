"""What can come next for a request, as numbers that the compiled event loop and its helpers share."""

#: what a request's next completion is
DEVICE_END, UPLINK_END, REACH_EDGE, EDGE_END, DOWNLINK_END, TURN_BACK, FALLBACK_END = range(7)
#: a transfer's bits can flow in its shared cell
UPLINK_ENTERS, DOWNLINK_ENTERS = 7, 8
#: of a LoRa device: a frame may start, a frame ends, a part of the answer is there
FRAME_START, FRAME_END, ANSWER_END = 9, 10, 11
#: of a LoRa device, at once: nobody will answer
GONE = 12
#: nothing of the above
NOTHING = -1
