namespace KernOpt.Code.Bodies;

/// <summary>The recommended multi-byte nops (SDM vol. 2B, NOP, table "Recommended Multi-Byte Sequence of NOP Instruction").</summary>
internal static class Nops
{
    private static readonly byte[][] ByLength =
    [
        [],
        [0x90],
        [0x66, 0x90],
        [0x0f, 0x1f, 0x00],
        [0x0f, 0x1f, 0x40, 0x00],
        [0x0f, 0x1f, 0x44, 0x00, 0x00],
        [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
        [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
        [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
        [0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
    ];

    /// <summary>The fewest nops that fill so many bytes.</summary>
    public static void Fill(Span<byte> room)
    {
        while (!room.IsEmpty)
        {
            var nop = ByLength[Math.Min(room.Length, ByLength.Length - 1)];
            nop.CopyTo(room);
            room = room[nop.Length..];
        }
    }
}
