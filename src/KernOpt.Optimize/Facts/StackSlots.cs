using System.Collections.Immutable;

namespace KernOpt.Optimize.Facts;

/// <summary>
/// Known contents of the frame: what was last stored at a distance from the entry's rsp, with its width in bytes. Entries never overlap. A value of this type never changes.
/// </summary>
internal sealed class StackSlots
{
    public static readonly StackSlots None = new(ImmutableSortedDictionary<long, StackSlot>.Empty);

    private readonly ImmutableSortedDictionary<long, StackSlot> slots;

    private StackSlots(ImmutableSortedDictionary<long, StackSlot> slots) => this.slots = slots;

    public bool IsEmpty => slots.IsEmpty;

    public KnownBits? Load(long distance, int bytes) =>
        slots.TryGetValue(distance, out var slot) && slot.Bytes >= bytes ? slot.Bits.Trim(bytes * 8) : null;

    /// <summary>A store forgets all that it overlaps and remembers its own value when anything of that is known.</summary>
    public StackSlots Store(long distance, int bytes, KnownBits value)
    {
        var rest = Forget(distance, bytes).slots;
        var trimmed = value.Trim(bytes * 8);
        return trimmed == KnownBits.UnknownOf(bytes * 8) ? new(rest) : new(rest.SetItem(distance, new(bytes, trimmed)));
    }

    public StackSlots Forget(long distance, int bytes)
    {
        var rest = slots;
        foreach (var (at, slot) in slots)
        {
            if (at < distance + bytes && distance < at + slot.Bytes) rest = rest.Remove(at);
        }
        return rest == slots ? this : new(rest);
    }

    /// <summary>Forgets what lies below a distance: it is free for callees and signal handlers to overwrite.</summary>
    public StackSlots ForgetBelow(long distance)
    {
        var rest = slots;
        foreach (var (at, _) in slots)
        {
            if (at < distance) rest = rest.Remove(at);
        }
        return rest == slots ? this : new(rest);
    }

    public static StackSlots Join(StackSlots a, StackSlots b)
    {
        if (ReferenceEquals(a, b)) return a;
        var kept = a.slots;
        foreach (var (at, slot) in a.slots)
        {
            if (!b.slots.TryGetValue(at, out var other) || other.Bytes != slot.Bytes)
            {
                kept = kept.Remove(at);
                continue;
            }
            var bits = KnownBits.Join(slot.Bits, other.Bits);
            kept = bits == KnownBits.UnknownOf(slot.Bytes * 8) ? kept.Remove(at) : kept.SetItem(at, new(slot.Bytes, bits));
        }
        return new(kept);
    }

    public bool SameAs(StackSlots other) => slots.Count == other.slots.Count && slots.SequenceEqual(other.slots);

    private readonly record struct StackSlot(int Bytes, KnownBits Bits);
}
