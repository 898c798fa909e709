#include "trees-node.h"

#include <string.h>

struct Nodes {
    GMutex mutex;
    GHashTable *all; /* Node -> Node */
    Node *top;
};

/* FNV-1a over the bytes, from `seed`; a collision only makes two paths with equal content one inode. */
static guint64 hash_name(guint64 seed, const char *name)
{
    guint64 hash = (seed ^ '/') * 0x100000001b3u;
    for (; *name != '\0'; name++)
        hash = (hash ^ (guint8)*name) * 0x100000001b3u;
    return hash;
}

static guint64 first_bytes(const SluiceDigest *digest)
{
    guint64 bits = 0;
    memcpy(&bits, digest->hash, sizeof bits);
    return GUINT64_FROM_LE(bits);
}

/* The kernel's overlay needs the highest bits for itself; 0 and 1 have a meaning of their own. */
static guint64 inode(const Node *node)
{
    guint64 bits = node->type == SLUICE_ENTRY_FILE ? first_bytes(&node->digest) ^ (guint64)node->mtime : 0;
    guint64 mixed = (node->path ^ bits ^ (node->executable ? 0x9e3779b9u : 0)) * 0x9e3779b97f4a7c15u;
    return (mixed >> 8) | 2;
}

static guint hash_node(gconstpointer key)
{
    const Node *node = key;
    guint64 hash = node->type == SLUICE_ENTRY_FILE ? inode(node) : node->path ^ (guint64)(gsize)node->parent;
    return (guint)(hash ^ (hash >> 32));
}

static gboolean equal_nodes(gconstpointer first, gconstpointer second)
{
    const Node *a = first, *b = second;
    if (a->type != b->type || a->path != b->path)
        return FALSE;
    if (a->type == SLUICE_ENTRY_FILE)
        return a->executable == b->executable && a->mtime == b->mtime && sluice_digest_equal(&a->digest, &b->digest);
    return a->parent == b->parent && g_strcmp0(a->name, b->name) == 0;
}

Nodes *nodes_new(void)
{
    Nodes *nodes = g_new0(Nodes, 1);
    g_mutex_init(&nodes->mutex);
    nodes->all = g_hash_table_new(hash_node, equal_nodes);
    nodes->top = g_new0(Node, 1);
    *nodes->top = (Node){.type = SLUICE_ENTRY_DIRECTORY, .top = TRUE, .lookups = 1};
    return nodes;
}

static void node_free(Node *node)
{
    g_free(node->name);
    g_free(node->target);
    g_free(node);
}

void nodes_free(Nodes *nodes)
{
    GHashTableIter each;
    gpointer node = NULL;
    g_hash_table_iter_init(&each, nodes->all);
    while (g_hash_table_iter_next(&each, &node, NULL))
        node_free(node);
    g_hash_table_unref(nodes->all);
    g_mutex_clear(&nodes->mutex);
    g_free(nodes->top);
    g_free(nodes);
}

Node *nodes_get_top(Nodes *nodes)
{
    return nodes->top;
}

static guint64 path_of(const Node *parent, const SluiceEntry *entry)
{
    return parent->top ? 0xcbf29ce484222325u : hash_name(parent->path, entry->name);
}

static void describe(Node *node, Node *parent, const SluiceEntry *entry)
{
    gboolean shared = entry->type == SLUICE_ENTRY_FILE;
    *node = (Node){.type = entry->type,
                   .parent = shared ? NULL : parent,
                   .name = shared ? NULL : (char *)entry->name,
                   .path = path_of(parent, entry),
                   .executable = shared && entry->executable,
                   .mtime = shared ? entry->mtime : 0};
    if (entry->type == SLUICE_ENTRY_SYMLINK)
        node->target = (char *)entry->target;
    else
        node->digest = entry->digest;
}

Node *nodes_lookup(Nodes *nodes, Node *parent, const SluiceEntry *entry)
{
    Node key;
    describe(&key, parent, entry);
    g_mutex_lock(&nodes->mutex);
    Node *node = g_hash_table_lookup(nodes->all, &key);
    if (node == NULL) {
        node = g_memdup2(&key, sizeof key);
        node->name = g_strdup(key.name);
        node->target = g_strdup(key.target);
        if (node->parent != NULL)
            node->parent->children++;
        g_hash_table_add(nodes->all, node);
    }
    node->lookups++;
    g_mutex_unlock(&nodes->mutex);
    return node;
}

void nodes_forget(Nodes *nodes, Node *node, guint64 count, void (*dropped)(Node *node, gpointer data), gpointer data)
{
    g_mutex_lock(&nodes->mutex);
    node->lookups -= MIN(count, node->lookups);
    while (node != NULL && !node->top && node->lookups == 0 && node->children == 0) {
        Node *parent = node->parent;
        g_hash_table_remove(nodes->all, node);
        dropped(node, data);
        node_free(node);
        if (parent != NULL)
            parent->children--;
        node = parent;
    }
    g_mutex_unlock(&nodes->mutex);
}

guint64 node_get_inode(const Node *node)
{
    return inode(node);
}

guint64 node_inode_of(const Node *parent, const SluiceEntry *entry)
{
    Node node;
    describe(&node, (Node *)parent, entry);
    return node_get_inode(&node);
}
