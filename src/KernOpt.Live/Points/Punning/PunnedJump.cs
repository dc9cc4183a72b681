using System.Buffers.Binary;
using KernOpt.Target;

namespace KernOpt.Live.Points.Punning;

/// <summary>
/// A jmp rel32 of which only the first bytes are stored, one to four: those that follow in the text complete its displacement and are executed in their place as before.
/// <code>
///     53              push rbx                    e9 ──┐
///     48 89 fb        mov rbx, rdi                48 89 fb     jmp next + 0xe8fb8948
///     e8 …            call f                      e8 ──┘
/// </code>
/// The stored bytes behind the opcode are free and are the low ones of the displacement, so that it leads to one of 256, 65,536 or 16,777,216 addresses in a row. Prefixes that
/// mean nothing to a direct jump (cs, SDM vol. 2, 2.1.1) move it along: fewer bytes are free, and others decide about the rest.
/// </summary>
/// <param name="At">The instruction.</param>
/// <param name="Stored">How many of its bytes are stored, 1..4.</param>
/// <param name="Prefixes">How many of those are prefixes, 0..3.</param>
/// <param name="First">The first address that it can lead to.</param>
internal readonly record struct PunnedJump(Address At, int Stored, int Prefixes, Address First)
{
    public const int MostStored = 4;

    /// <summary>No jump is longer than this: three prefixes, the opcode, the displacement.</summary>
    public const int MostBytes = MostStored - 1 + JumpBytes;

    private const int JumpBytes = PlacementContext.JumpBytes, DisplacementBytes = 4;
    private const byte Prefix = 0x2E, Opcode = 0xE9;

    /// <summary>How many addresses in a row it can lead to.</summary>
    public ulong Choices => 1UL << (8 * Free);

    /// <summary>All bytes that it consists of, stored or not.</summary>
    public AddressRange Extent => new(At, (ulong)(Prefixes + JumpBytes));

    private int Free => Stored - 1 - Prefixes;

    /// <summary>All jumps that can be made of so many stored bytes, most choices first. Text: what lies at the instruction, <see cref="MostBytes"/> or as many as there are.</summary>
    public static IEnumerable<PunnedJump> Of(Address at, int stored, byte[] text)
    {
        var displacement = new byte[DisplacementBytes];
        for (var prefixes = 0; prefixes < stored && prefixes + JumpBytes <= text.Length; prefixes++)
        {
            for (var i = 0; i < DisplacementBytes; i++)
            {
                var place = prefixes + 1 + i;
                displacement[i] = place < stored ? (byte)0 : text[place];
            }
            yield return new PunnedJump(at, stored, prefixes, at + (prefixes + JumpBytes) + BinaryPrimitives.ReadInt32LittleEndian(displacement));
        }
    }

    /// <summary>What is to be stored so that it leads to one of its choices.</summary>
    public byte[] BytesTo(Address landing)
    {
        var low = (ulong)(landing - First);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(low, Choices);
        var bytes = new byte[Stored];
        bytes.AsSpan(0, Prefixes).Fill(Prefix);
        bytes[Prefixes] = Opcode;
        for (var i = 0; i < Free; i++) bytes[Prefixes + 1 + i] = (byte)(low >> (8 * i));
        return bytes;
    }

    /// <summary>What a change of text has made, told from its bytes: all that a jump which begins there consists of, and of anything else the bytes themselves.</summary>
    public static AddressRange ExtentOf(Address at, ReadOnlySpan<byte> patched)
    {
        var prefixes = Math.Max(patched.IndexOfAnyExcept(Prefix), 0);
        var length = patched[prefixes] == Opcode ? Math.Max(patched.Length, prefixes + JumpBytes) : patched.Length;
        return new AddressRange(at, (ulong)length);
    }
}
