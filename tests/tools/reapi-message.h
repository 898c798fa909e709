/* reapi-message.h - what clients made of rpc.h have in common: fields of messages, and blobs that they send. */
#pragma once

#include "cas.h"
#include "rpc.h"

/* The first field of this number that holds bytes; NULL if there is none, or no message. */
GBytes *reapi_field(GBytes *message, uint32_t number);
/* The first one that is a number; 0 if there is none, or no message. */
uint64_t reapi_number(GBytes *message, uint32_t number);
/* In a batch of its own; ends the program if that fails. */
SluiceDigest reapi_upload(RpcClient *client, const GByteArray *blob);
