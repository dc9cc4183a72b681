using KernOpt.Engine.Probing;
using KernOpt.Probes.Actions;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Engine;

/// <summary>Which memory is known to be the stack that a thread was made with.</summary>
public sealed class StackRowsTests
{
    private const ulong Low = 0x7000_0000, End = 0x7080_0000, StackPointer = 0x707F_0000, Descriptor = 0x707F_F000;

    [Fact]
    public void TheFirstStack_IsCopiedToItsEnd() =>
        Assert.Equal(new StackBounds(7, 0x1000, StackPointer, End), RowOf([Map(Low, End, "[stack]")], 0x1000));

    [Fact]
    public void AGuardedStack_IsCopiedUpToTheDescriptor() =>
        Assert.Equal(new StackBounds(7, Descriptor, StackPointer, Descriptor), RowOf([Map(Low - 4096, Low, "", Protection.None), Map(Low, End, "")], Descriptor));

    [Theory]
    [InlineData(false, Descriptor, StackPointer)]
    [InlineData(true, End + 64, StackPointer)]
    [InlineData(true, StackPointer - 64, StackPointer)]
    [InlineData(true, Descriptor, End + 64)]
    public void WhatMayBeAnotherStack_HasNoRow(bool isGuarded, ulong descriptor, ulong stackPointer)
    {
        List<Mapping> maps = [Map(Low, End, ""), Map(End, End + 4096, "", Protection.Read)];
        if (isGuarded) maps.Insert(0, Map(Low - 4096, Low, "", Protection.None));
        Assert.Null(RowOf(maps, descriptor, stackPointer));
    }

    private static StackBounds? RowOf(IReadOnlyList<Mapping> maps, ulong descriptor, ulong stackPointer = StackPointer) =>
        StackRows.RowOf(new TargetMap(maps, []), new StackRecord(0, 7, descriptor, [stackPointer, 0, 0, 0, 0, 0, 0], []));

    private static Mapping Map(ulong start, ulong end, string path, Protection protection = Protection.Read | Protection.Write) =>
        new(AddressRange.Between(new Address(start), new Address(end)), protection, 0, path, IsPrivate: true, 0, 0);
}
