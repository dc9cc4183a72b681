using System.Buffers.Binary;

namespace KernOpt.Validate.Running;

/// <summary>
/// The x87, SSE and AVX state in the layout of XSAVE (SDM volume 1, 13.4): x87 control word at 0, stack registers at 32, MXCSR at 24, XMM registers at
/// 160, XSTATE_BV at 512, upper halves of YMM at 576. Linux puts XCR0 at 464 (ptrace(2), NT_X86_XSTATE).
/// </summary>
internal sealed class VectorState
{
    public const int Capacity = 12_288;
    public const int XmmOffset = 160;
    public const int YmmHighOffset = 576;
    public const int ControlWordOffset = 0;
    public const int MxcsrOffset = 24;
    public const int StackTopOffset = 32;

    /// <summary>As much of the state as is kept of an observation.</summary>
    public const int KeptBytes = YmmHighOffset + 256;

    private const int FeaturesOffset = 464;
    private const int PresentOffset = 512;
    private readonly byte[] initial;
    private readonly byte[] buffer;

    public VectorState(ReadOnlySpan<byte> fresh)
    {
        initial = fresh.ToArray();
        buffer = fresh.ToArray();
        HasAvx = fresh.Length >= KeptBytes && (BinaryPrimitives.ReadUInt64LittleEndian(fresh[FeaturesOffset..]) & 4) != 0;
    }

    public bool HasAvx { get; }

    public int Length => initial.Length;

    /// <summary>A clean x87 state and random vector registers, half of them small floating-point numbers.</summary>
    public Span<byte> Randomized(DeterministicRandom random)
    {
        initial.CopyTo(buffer, 0);
        FillRegisters(buffer, random);
        return buffer;
    }

    /// <summary>The state as a callee leaves it: MXCSR and x87 kept, every vector register changed (psABI 3.2.1: none is preserved).</summary>
    public Span<byte> Answered(ReadOnlySpan<byte> current, DeterministicRandom random)
    {
        current.CopyTo(buffer);
        FillRegisters(buffer, random);
        return buffer;
    }

    private void FillRegisters(byte[] state, DeterministicRandom random)
    {
        for (var register = 0; register < 16; register++)
        {
            var at = state.AsSpan(XmmOffset + (register * 16), 16);
            random.Fill(at);
            if (random.OneIn(2)) BitConverter.TryWriteBytes(at, (double)(random.Below(2001) - 1000) / 8);
            else if (random.OneIn(2)) BitConverter.TryWriteBytes(at, (float)(random.Below(2001) - 1000) / 8);
        }
        var present = BinaryPrimitives.ReadUInt64LittleEndian(state.AsSpan(PresentOffset)) | 3;
        if (HasAvx)
        {
            random.Fill(state.AsSpan(YmmHighOffset, 256));
            present |= 4;
        }
        // With the x87 bit set the control word is taken from the image; a fresh process has no x87 state of its own yet.
        if (BinaryPrimitives.ReadUInt16LittleEndian(state) == 0) BinaryPrimitives.WriteUInt16LittleEndian(state, 0x37f);
        if (BinaryPrimitives.ReadUInt32LittleEndian(state.AsSpan(MxcsrOffset)) == 0) BinaryPrimitives.WriteUInt32LittleEndian(state.AsSpan(MxcsrOffset), 0x1f80);
        BinaryPrimitives.WriteUInt64LittleEndian(state.AsSpan(PresentOffset), present);
    }
}
