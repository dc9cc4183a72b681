using KernOpt.Target;

namespace KernOpt.Live.Points.Punning;

/// <summary>
/// A direct jump or call of five bytes that crosses a cache line, so that all of it cannot be stored at once. The bytes behind the line can, and they are the high ones of its
/// displacement:
/// <code>
///     e8 d0 │ d1 d2 d3       call f                e8 d0 │ …        call stone
/// </code>
/// The low ones stay, so that it leads to where the last digits of the address are the original ones: to one address in 256, 65,536 or 16,777,216; to any where only the opcode
/// is before the line. The return address of a call is the original one.
/// </summary>
/// <param name="At">The instruction.</param>
/// <param name="Kept">Its bytes that stay, 1..4.</param>
/// <param name="To">Where it leads.</param>
internal readonly record struct SplitBranch(Address At, int Kept, Address To)
{
    private const int Bytes = PlacementContext.JumpBytes;

    /// <summary>Destinations have this distance from each other.</summary>
    public ulong Step => 1UL << (8 * (Kept - 1));

    /// <summary>All that 32 bits of displacement reach.</summary>
    public AddressRange Reach
    {
        get
        {
            var next = At + Bytes;
            var first = next.Value > 1UL << 31 ? next.Value - (1UL << 31) : 0;
            return AddressRange.Between(new Address(first), next + (1UL << 31));
        }
    }
}
