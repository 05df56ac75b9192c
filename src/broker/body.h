/* SPDX-License-Identifier: MIT */
/*
 * body.h - what the registry decided, done
 */
#ifndef BROKER_BODY_H
#define BROKER_BODY_H

#include "broker/broker.h"
#include "registry/ports.h"

/* Ports whose body is @b. */
struct ports body_ports(struct broker *b);

#endif
